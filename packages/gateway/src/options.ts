import { constants } from 'node:buffer';
import { AgentwireError, type Clock, type Decision, type Logger, systemClock } from '@agentwire/core';
import {
  checkBoolean,
  checkClock,
  checkFunction,
  checkInteger,
  checkKnownOptions,
  checkLogger,
  checkMethods,
  checkOneOf,
  checkText,
  countRepeats,
  silentLogger,
} from '@agentwire/core/internal';
import type { AgentPool } from '@agentwire/pool';
import { CLIENT_DEFAULTS, type ClientOptions, resolveClientOptions } from './client-options.ts';
import {
  PACING_DEFAULTS,
  type PacingOptions,
  type ResolvedPacingOptions,
  resolvePacingOptions,
} from './pacing-options.ts';
import { guarded } from './guarded.ts';

/** The part of an `AgentPool` that a gateway uses. */
export type AgentDirectory = Pick<
  AgentPool,
  'decide' | 'decideFailure' | 'handles' | 'sendRequestComplete' | 'cancelRequest'
>;

/** How a request ended; handed to {@link GatewayOptions.onRequestEnd}. */
export interface RequestSummary {
  /** The gateway's id for the request, which agents see as `requestId`; no other request of any gateway has it. */
  readonly id: string;
  readonly method: string;
  readonly uri: string;
  /** Status sent to the client; 0 when it left before one was sent. */
  readonly status: number;
  /** What became of it. `failed`: the upstream, an agent's answer or the request itself was at fault. */
  readonly outcome: 'allowed' | 'blocked' | 'redirected' | 'challenged' | 'cancelled' | 'failed';
  /** The agent that blocked, redirected or challenged. */
  readonly agent?: string | undefined;
  /** The decision of that agent. */
  readonly decision?: Decision | undefined;
  readonly durationMs: number;
  /** How much of it the agents took. */
  readonly agentsMs: number;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

const BODY_MODES = ['stream', 'hold'] as const;

/** When a body goes on: see {@link GatewayOptions.requestBody}. */
export type BodyMode = (typeof BODY_MODES)[number];

const UNDERSCORE_MODES = ['drop', 'keep'] as const;

/** Treatment of names with `_`: see {@link GatewayOptions.headersWithUnderscores}. */
export type UnderscoreMode = (typeof UNDERSCORE_MODES)[number];

/** Options of `createGateway`. */
export interface GatewayOptions extends ClientOptions, PacingOptions {
  /** The pool that has the agents. It is not closed with the gateway. */
  readonly pool: AgentDirectory;
  /** Where allowed requests go: `http://HOST:PORT` or `https://…`; a path in it is refused. */
  readonly upstream: string;
  /** Names of agents in the order they are asked; those in an inner list are asked together. Default none. */
  readonly agents?: readonly (string | readonly string[])[];
  /** How long one decision may take, in milliseconds; default the pool's. */
  readonly decisionTimeoutMs?: number;
  /** Longest request body, in bytes; default unlimited. Past it the client gets 413. */
  readonly maxRequestBodyBytes?: number;
  /**
   * When a request's body that agents read goes on to the upstream; default `stream`.
   *
   * `stream`: each chunk as soon as its agents have decided on it, so that an upstream may have seen the beginning of a
   * body whose end is blocked. `hold`: nothing, not even the head, before every agent is done with the body.
   */
  readonly requestBody?: BodyMode;
  /** The same for responses and the client; default `stream`, where a block in the middle of a body breaks the connection off. */
  readonly responseBody?: BodyMode;
  /** Longest body that is held, in bytes; default 100 MiB. Past it the client gets 413, or 502 for a response. On disk from 1 MiB on. */
  readonly maxHeldBodyBytes?: number;
  /** Longest chunk that an agent is asked about, in bytes; default 1 MiB, at most 16 MiB. Longer ones are split. */
  readonly maxChunkBytes?: number;
  /** Keeps `x-forwarded-*` of the client and adds to them; default `false`: they are replaced. `true` behind another proxy of yours. */
  readonly trustForwarded?: boolean;
  /**
   * Treatment of a client's headers with `_` in their names; default `drop`.
   *
   * Many upstreams read `X_User` and `x-user` as one name, so that a client could put its own beside an agent's. `keep`
   * where clients need such names; an agent's `set` and `remove` take them out in any case.
   */
  readonly headersWithUnderscores?: UnderscoreMode;
  /** Passes TRACE requests on; default `false`: they are answered 405. */
  readonly allowTrace?: boolean;
  /** Logs targets with their query; default `false`, as queries hold tokens. Headers and bodies are never logged. */
  readonly logQuery?: boolean;
  /** Told once of every request when it is over. An exception of it, or a rejection, is logged and changes nothing. */
  readonly onRequestEnd?: (summary: RequestSummary) => unknown;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

/** What {@link GatewayOptions} default to. */
export const GATEWAY_DEFAULTS: Required<ClientOptions> &
  typeof PACING_DEFAULTS & {
    readonly requestBody: BodyMode;
    readonly responseBody: BodyMode;
    readonly maxHeldBodyBytes: number;
    readonly maxChunkBytes: number;
    readonly trustForwarded: boolean;
    readonly headersWithUnderscores: UnderscoreMode;
    readonly allowTrace: boolean;
    readonly logQuery: boolean;
  } = {
  ...PACING_DEFAULTS,
  ...CLIENT_DEFAULTS,
  requestBody: 'stream',
  responseBody: 'stream',
  maxHeldBodyBytes: 100 * 1024 ** 2,
  maxChunkBytes: 1024 ** 2,
  trustForwarded: false,
  headersWithUnderscores: 'drop',
  allowTrace: false,
  logQuery: false,
};

/** Options with every default filled in and checked. */
export interface ResolvedGatewayOptions extends Required<ClientOptions>, ResolvedPacingOptions {
  readonly pool: AgentDirectory;
  readonly upstream: URL;
  readonly steps: readonly (readonly string[])[];
  readonly decisionTimeoutMs: number | undefined;
  readonly maxRequestBodyBytes: number;
  readonly requestBody: BodyMode;
  readonly responseBody: BodyMode;
  readonly maxHeldBodyBytes: number;
  readonly maxChunkBytes: number;
  readonly trustForwarded: boolean;
  readonly headersWithUnderscores: UnderscoreMode;
  readonly allowTrace: boolean;
  readonly logQuery: boolean;
  readonly onRequestEnd: ((summary: RequestSummary) => void) | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

const POOL_METHODS = ['decide', 'decideFailure', 'handles', 'sendRequestComplete', 'cancelRequest'] as const;

const KNOWN = [
  ...Object.keys(GATEWAY_DEFAULTS),
  'pool',
  'upstream',
  'agents',
  'decisionTimeoutMs',
  'maxRequestBodyBytes',
  'maxUpstreamConnectionsPerClient',
  'onRequestEnd',
  'clock',
  'logger',
];

const invalid = (message: string): AgentwireError => new AgentwireError('ERR_INVALID_ARGUMENT', message);

/** Checks the URL of an upstream. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkUpstream(text: unknown): URL {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  const plain = url !== undefined && /^https?:$/.test(url.protocol) && url.pathname === '/';
  // a user in it would be sent nowhere, and would stand in logs
  if (plain && url.search === '' && url.hash === '' && url.username === '' && url.password === '') return url;
  const shown = typeof text === 'string' ? JSON.stringify(text.replace(/\/\/[^/@]*@/, '//…@')) : typeof text;
  throw invalid(`upstream must be http://HOST:PORT or https://HOST:PORT, got ${shown}`);
}

/** Checks the order of agents; an inner list is asked at once. */
function checkSteps(agents: NonNullable<GatewayOptions['agents']>): readonly (readonly string[])[] {
  if (!Array.isArray(agents)) throw invalid('agents must be a list of names, or of lists of names');
  const steps = agents.map((step: string | readonly string[]) => (Array.isArray(step) ? step : [step]) as string[]);
  if (steps.some((step) => step.length === 0)) throw invalid('agents has an empty list in it, which asks nobody');
  const names = steps.flat().map((name) => checkText('a name of agents', name));
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw invalid(`agents names ${JSON.stringify(twice)} twice`);
  return steps;
}

/** Options that are objects or functions of a program, and those that stand elsewhere in a file. */
const NOT_IN_FILES = new Set(['pool', 'upstream', 'agents', 'onRequestEnd', 'clock', 'logger']);

/** Options that a file may have under `gateway`. */
export const GATEWAY_FILE_KEYS: readonly string[] = KNOWN.filter((name) => !NOT_IN_FILES.has(name));

/** Checks options without those that no file has. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function checkGatewayOption(options: Partial<GatewayOptions>): void {
  // a stand-in: the checks ask only whether the methods are there
  const unused = (): never => {
    throw invalid('there is no pool');
  };
  const pool = Object.fromEntries(POOL_METHODS.map((name) => [name, unused])) as unknown as AgentDirectory;
  resolveGatewayOptions({ pool, upstream: 'http://127.0.0.1:1', ...options });
}

/** Without what is there and `undefined`: it means the default. */
function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

/** Checks options and fills in defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option. */
export function resolveGatewayOptions(options: GatewayOptions): ResolvedGatewayOptions {
  checkKnownOptions('createGateway', options, KNOWN);
  const said = withoutUndefined(options);
  const given = { ...GATEWAY_DEFAULTS, ...said };
  const clock = checkClock(options.clock ?? systemClock);
  // a client chooses how many of its requests fail
  const logger = countRepeats(checkLogger(options.logger ?? silentLogger), clock);
  const day = 86_400_000;
  const steps = checkSteps(options.agents ?? []);
  return {
    ...resolveClientOptions(options),
    ...resolvePacingOptions(said),
    upstream: checkUpstream(options.upstream),
    steps,
    decisionTimeoutMs:
      options.decisionTimeoutMs === undefined
        ? undefined
        : checkInteger('decisionTimeoutMs', options.decisionTimeoutMs, 1, day),
    maxRequestBodyBytes:
      options.maxRequestBodyBytes === undefined
        ? Infinity
        : checkInteger('maxRequestBodyBytes', options.maxRequestBodyBytes, 0, Number.MAX_SAFE_INTEGER),
    requestBody: checkOneOf('requestBody', given.requestBody, BODY_MODES),
    responseBody: checkOneOf('responseBody', given.responseBody, BODY_MODES),
    maxHeldBodyBytes: checkInteger('maxHeldBodyBytes', given.maxHeldBodyBytes, 0, constants.MAX_LENGTH),
    maxChunkBytes: checkInteger('maxChunkBytes', given.maxChunkBytes, 1, 16 * 1024 ** 2),
    headersWithUnderscores: checkOneOf('headersWithUnderscores', given.headersWithUnderscores, UNDERSCORE_MODES),
    allowTrace: checkBoolean('allowTrace', given.allowTrace),
    logQuery: checkBoolean('logQuery', given.logQuery),
    trustForwarded: checkBoolean('trustForwarded', given.trustForwarded),
    onRequestEnd:
      options.onRequestEnd === undefined
        ? undefined
        : guarded('onRequestEnd', logger, checkFunction('onRequestEnd', options.onRequestEnd)),
    clock,
    logger,
    pool: checkMethods('pool', options.pool, POOL_METHODS),
  };
}
