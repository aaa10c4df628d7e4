import { checkTypes, OPTION, type OptionTable } from '../option-table.ts';
import type { AgentSessionOptions } from './agent-session.ts';
import { KEEPALIVE_TABLE } from './keepalive.ts';

/** The limits among {@link AgentSessionOptions}, none left open. */
export type AgentSessionLimits = Required<
  Pick<
    AgentSessionOptions,
    'drainTimeoutMs' | 'maxInFlight' | 'maxQueuedPerRequest' | 'maxRetained' | 'requestStateTtlMs'
  >
>;

const DEFAULTS: AgentSessionLimits = {
  drainTimeoutMs: 30_000,
  maxInFlight: 1024,
  maxQueuedPerRequest: 1024,
  maxRetained: 10_000,
  requestStateTtlMs: 60_000,
};

/** The check of every option in {@link AgentSessionOptions}. */
const AGENT_SESSION_TABLE: OptionTable<AgentSessionOptions> = {
  clock: OPTION.clock,
  logger: OPTION.logger,
  drainTimeoutMs: OPTION.integer(0, 86_400_000),
  maxInFlight: OPTION.integer(1, 10_000_000),
  maxQueuedPerRequest: OPTION.integer(1, 10_000_000),
  maxRetained: OPTION.integer(1, 10_000_000),
  requestStateTtlMs: OPTION.integer(1, 86_400_000),
  keepalive: OPTION.falseOr(OPTION.nested(KEEPALIVE_TABLE)),
};

/** Checks the options and fills in the defaults of the limits. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option. */
export function resolveAgentSessionLimits(options: AgentSessionOptions): AgentSessionLimits {
  checkTypes('', options, AGENT_SESSION_TABLE);
  const limit = (name: keyof AgentSessionLimits): number => options[name] ?? DEFAULTS[name];
  return {
    drainTimeoutMs: limit('drainTimeoutMs'),
    maxInFlight: limit('maxInFlight'),
    maxQueuedPerRequest: limit('maxQueuedPerRequest'),
    maxRetained: limit('maxRetained'),
    requestStateTtlMs: limit('requestStateTtlMs'),
  };
}
