import { AgentwireError } from '@agentwire/core';
import { checkBoolean, checkInteger, checkKnownOptions, checkObject, resolveOptions } from '@agentwire/core/internal';
import type { AgentHandlers } from '../handler/agent-handlers.ts';
import { PATH_TABLE, type PathOptions, type ResolvedPathOptions } from './path-options.ts';

/** Parameters of {@link defineAgent}: identity, handlers and limits of an agent. */
export interface AgentDefinition<State = unknown> extends AgentHandlers<State> {
  /** Name of the agent, for proxies and logs; 1 to 256 characters. */
  readonly name: string;
  /** Version of the agent, for logs; 1 to 256 characters. */
  readonly version: string;
  /** Announces that `onRequestHeaders` reads request bodies; default `false`. `onRequestBodyChunk` announces them too. */
  readonly requestBody?: boolean;
  /** Announces that `onResponseHeaders` reads response bodies; default `false`. `onResponseBodyChunk` announces them too. */
  readonly responseBody?: boolean;
  /**
   * Frees the memory of each piece of a body as soon as its handler is done with it: `chunk.data` once the handler has returned or
   * its promise has settled, a piece of `request.body` once the next one or the end is asked for. The piece and every view of it
   * are empty (length 0) from then on. Default `false`: the garbage collector frees them, which takes more processor time than all
   * else that an agent does for a long body. Set it in an agent that reads long bodies and keeps none of their pieces; it copies
   * what it keeps (`Uint8Array.from(piece)`), and awaits whatever reads one: native code (zlib, crypto, fs, a socket) that reads a
   * piece after its end reads memory of something else. Pieces that `transformBody` gets are never freed.
   */
  readonly freeChunks?: boolean;
  /** Spellings that `request.path` resolves or refuses. */
  readonly paths?: PathOptions | undefined;
  /**
   * Maximum of requests that handlers work on at once, over all connections; default 1 024, 1 to 65 536. Announced. At the
   * limit proxies are asked to pause where they understand that, and a request past it is answered `ERR_OVERLOADED`. A
   * handler that waits for the next chunk of a body does not count. Lower it if handlers need much memory each.
   */
  readonly maxConcurrentRequests?: number;
  /** Time limit of a handler for one event, in milliseconds; default 30 000, up to 86 400 000. Past it the answer is `ERR_TIMEOUT`. */
  readonly handlerTimeoutMs?: number;
  /** Longest body that the agent wants to see, in bytes; announced. Default 104 857 600 (100 MiB). */
  readonly maxBodyBytes?: number;
  /**
   * Maximum of requests whose state is kept for later events; default 100 000, up to 10 000 000. Past it the oldest one is
   * evicted. Proxies that report the end of their requests need no such limit.
   */
  readonly maxTrackedRequests?: number;
  /**
   * Time for which the state of a request is kept without an event, in milliseconds; default 60 000, up to 86 400 000. Only
   * for third-party proxies of the zentinel dialect, which do not report the end of a request.
   */
  readonly requestStateTtlMs?: number;
}

/** Checked agent, ready to be served. */
export interface Agent<State = unknown> {
  readonly name: string;
  readonly version: string;
  readonly handlers: AgentHandlers<State>;
  readonly requestBody: boolean;
  readonly responseBody: boolean;
  readonly freeChunks: boolean;
  readonly paths: ResolvedPathOptions;
  readonly limits: AgentLimits;
}

/** Limits of an agent with every default filled in; the fields of {@link AgentDefinition}. */
export interface AgentLimits {
  readonly maxConcurrentRequests: number;
  readonly handlerTimeoutMs: number;
  readonly maxBodyBytes: number;
  readonly maxTrackedRequests: number;
  readonly requestStateTtlMs: number;
}

const DAY_MS = 86_400_000;

/** Default and maximum of each limit; the minimum is 1. */
const LIMITS: Readonly<Record<keyof AgentLimits, readonly [defaultValue: number, max: number]>> = {
  maxConcurrentRequests: [1024, 65_536],
  handlerTimeoutMs: [30_000, DAY_MS],
  maxBodyBytes: [104_857_600, Number.MAX_SAFE_INTEGER],
  maxTrackedRequests: [100_000, 10_000_000],
  requestStateTtlMs: [60_000, DAY_MS],
};
const HANDLERS: readonly (keyof AgentHandlers)[] = [
  'onRequestHeaders',
  'onRequestBodyChunk',
  'onResponseHeaders',
  'onResponseBodyChunk',
  'onRequestComplete',
  'onWebSocketFrame',
  'onGuardrail',
  'onConfigure',
  'onDrain',
  'onShutdown',
  'onCancel',
];
const KNOWN: readonly string[] = [
  'name',
  'version',
  'requestBody',
  'responseBody',
  'freeChunks',
  'paths',
  ...Object.keys(LIMITS),
  ...HANDLERS,
];

/**
 * Checks a definition and creates an agent of it. Nothing runs before `serveAgent`.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown option, a value out of range, a handler that is no
 * function, or no handler at all
 */
export function defineAgent<State = unknown>(definition: AgentDefinition<State>): Agent<State> {
  checkKnownOptions('defineAgent', definition, KNOWN);
  const handlers: Record<string, unknown> = {};
  for (const name of HANDLERS) {
    const handler = definition[name];
    if (handler === undefined) continue;
    if (typeof handler !== 'function') {
      throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be a function, got a ${typeof handler}`);
    }
    handlers[name] = handler;
  }
  const agent = Object.freeze<Agent<State>>({
    name: checkName('name', definition.name),
    version: checkName('version', definition.version),
    handlers: Object.freeze<AgentHandlers<State>>(handlers),
    requestBody: isSet('requestBody', definition.requestBody) || definition.onRequestBodyChunk !== undefined,
    responseBody: isSet('responseBody', definition.responseBody) || definition.onResponseBodyChunk !== undefined,
    freeChunks: isSet('freeChunks', definition.freeChunks),
    paths: Object.freeze(resolveOptions('paths', checkObject('paths', definition.paths ?? {}), PATH_TABLE)),
    limits: resolveLimits(definition),
  });
  // a handshake without events means all of them, and each would be allowed
  if (Object.keys(handlers).length > 0) return agent;
  throw new AgentwireError('ERR_INVALID_ARGUMENT', `an agent needs a handler: one of ${HANDLERS.join(', ')}`);
}

function isSet(name: string, value: unknown): boolean {
  return value !== undefined && checkBoolean(name, value);
}

function checkName(what: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.length <= 256) return value;
  throw new AgentwireError('ERR_INVALID_ARGUMENT', `${what} of an agent must be a text of 1 to 256 characters`);
}

function resolveLimits(definition: Partial<AgentLimits>): AgentLimits {
  const limit = (name: keyof AgentLimits): number =>
    checkInteger(name, definition[name] ?? LIMITS[name][0], 1, LIMITS[name][1]);
  return Object.freeze<AgentLimits>({
    maxConcurrentRequests: limit('maxConcurrentRequests'),
    handlerTimeoutMs: limit('handlerTimeoutMs'),
    maxBodyBytes: limit('maxBodyBytes'),
    maxTrackedRequests: limit('maxTrackedRequests'),
    requestStateTtlMs: limit('requestStateTtlMs'),
  });
}
