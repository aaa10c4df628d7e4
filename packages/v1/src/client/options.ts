import { type Clock, type Logger, systemClock } from '@agentwire/core';
import { checkOptions, OPTION, type OptionTable, safeLogger, silentLogger } from '@agentwire/core/internal';

/** Options of `AgentClient`. */
export interface AgentClientOptions {
  /** Timeout of connecting, and of each answer, in milliseconds; default 30 000. */
  readonly timeoutMs?: number;
  /** Events that may wait for the ones before them; default 1 024. Past it: `ERR_OVERLOADED`. */
  readonly maxQueued?: number;
  /** Name of the agent in the proxy, sent with configurations; default `agent`. */
  readonly agentId?: string;
  /** Time; default the clock of this machine. */
  readonly clock?: Clock;
  /** Receives warnings and errors; default none. */
  readonly logger?: Logger;
}

/** {@link AgentClientOptions} with every default filled in. */
export type ResolvedClientOptions = Required<AgentClientOptions>;

/** Defaults of {@link AgentClientOptions}. */
export const AGENT_CLIENT_DEFAULTS: Readonly<{
  timeoutMs: number;
  maxQueued: number;
  agentId: string;
}> = Object.freeze({
  timeoutMs: 30_000,
  maxQueued: 1_024,
  agentId: 'agent',
});

const TABLE: OptionTable<AgentClientOptions> = {
  timeoutMs: OPTION.integer(1, 86_400_000),
  maxQueued: OPTION.integer(0, 1_000_000),
  agentId: OPTION.text,
  clock: OPTION.clock,
  logger: OPTION.logger,
};

/** Fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown key or a value out of range. */
export function resolveClientOptions(options: AgentClientOptions): ResolvedClientOptions {
  const { timeoutMs, maxQueued, agentId, clock, logger } = checkOptions('AgentClient', options, TABLE);
  return {
    timeoutMs: timeoutMs ?? AGENT_CLIENT_DEFAULTS.timeoutMs,
    maxQueued: maxQueued ?? AGENT_CLIENT_DEFAULTS.maxQueued,
    agentId: agentId ?? AGENT_CLIENT_DEFAULTS.agentId,
    clock: clock ?? systemClock,
    logger: safeLogger(logger ?? silentLogger),
  };
}
