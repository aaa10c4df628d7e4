import { AgentwireError } from '@agentwire/core';
import { checkBoolean, checkInteger, checkKnownOptions } from '@agentwire/core/internal';
import type { AgentHandlers } from '../handler/agent-handlers.ts';
import { AGENT_DEFAULTS, type Agent, type AgentDefinition, type AgentLimits } from './agent.ts';

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
  ...Object.keys(AGENT_DEFAULTS),
  ...HANDLERS,
];
const DAY_MS = 86_400_000;

/**
 * Checks a definition and makes an agent of it. Nothing runs before `serveAgent`.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown option, a value out of range, a handler that is no
 * function, or no handler at all.
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
    requestBody: asked('requestBody', definition.requestBody) || definition.onRequestBodyChunk !== undefined,
    responseBody: asked('responseBody', definition.responseBody) || definition.onResponseBodyChunk !== undefined,
    limits: resolveLimits(definition),
  });
  // a handshake without events means all of them, and each would be allowed
  if (Object.keys(handlers).length > 0) return agent;
  throw new AgentwireError('ERR_INVALID_ARGUMENT', `an agent needs a handler: one of ${HANDLERS.join(', ')}`);
}

function asked(name: string, value: unknown): boolean {
  return value !== undefined && checkBoolean(name, value);
}

function checkName(what: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.length <= 256) return value;
  throw new AgentwireError('ERR_INVALID_ARGUMENT', `${what} of an agent must be a text of 1 to 256 characters`);
}

function resolveLimits(definition: Partial<AgentLimits>): AgentLimits {
  const limit = (name: keyof AgentLimits, max: number): number =>
    checkInteger(name, definition[name] ?? AGENT_DEFAULTS[name], 1, max);
  return Object.freeze<AgentLimits>({
    maxConcurrentRequests: limit('maxConcurrentRequests', 65_536),
    handlerTimeoutMs: limit('handlerTimeoutMs', DAY_MS),
    maxBodyBytes: limit('maxBodyBytes', Number.MAX_SAFE_INTEGER),
    maxTrackedRequests: limit('maxTrackedRequests', 10_000_000),
    requestStateTtlMs: limit('requestStateTtlMs', DAY_MS),
  });
}
