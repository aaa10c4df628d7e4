import { type Clock, type Logger, systemClock } from '@agentwire/core';
import { OPTION, type OptionRows, resolveOptions, safeLogger, silentLogger } from '@agentwire/core/internal';

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

const ROWS: OptionRows<AgentClientOptions> = {
  timeoutMs: { check: OPTION.integer(1, 86_400_000), default: 30_000 },
  maxQueued: { check: OPTION.integer(0, 1_000_000), default: 1_024 },
  agentId: { check: OPTION.text, default: 'agent' },
  clock: { check: OPTION.clock, default: systemClock },
  logger: { check: OPTION.logger, default: silentLogger },
};

/** Fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown key or a value out of range. */
export function resolveClientOptions(options: AgentClientOptions): ResolvedClientOptions {
  const resolved = resolveOptions('AgentClient', options, ROWS);
  return { ...resolved, logger: safeLogger(resolved.logger) };
}

const { timeoutMs, maxQueued, agentId } = resolveClientOptions({});

/** Defaults of {@link AgentClientOptions}. */
export const AGENT_CLIENT_DEFAULTS: Readonly<{
  timeoutMs: number;
  maxQueued: number;
  agentId: string;
}> = Object.freeze({ timeoutMs, maxQueued, agentId });
