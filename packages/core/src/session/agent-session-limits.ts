import { checkInteger } from '../options.ts';
import type { AgentSessionOptions } from './agent-session.ts';

/** The limits among {@link AgentSessionOptions}, none left open. */
export type AgentSessionLimits = Required<
  Pick<AgentSessionOptions, 'maxInFlight' | 'maxQueuedPerRequest' | 'maxRetained' | 'requestStateTtlMs'>
>;

const DEFAULTS: AgentSessionLimits = {
  maxInFlight: 1024,
  maxQueuedPerRequest: 1024,
  maxRetained: 10_000,
  requestStateTtlMs: 60_000,
};

/** Checks the limits and fills in defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option. */
export function resolveAgentSessionLimits(options: AgentSessionOptions): AgentSessionLimits {
  const limit = (name: keyof AgentSessionLimits, max: number): number =>
    checkInteger(name, options[name] ?? DEFAULTS[name], 1, max);
  return {
    maxInFlight: limit('maxInFlight', 10_000_000),
    maxQueuedPerRequest: limit('maxQueuedPerRequest', 10_000_000),
    maxRetained: limit('maxRetained', 10_000_000),
    requestStateTtlMs: limit('requestStateTtlMs', 86_400_000),
  };
}
