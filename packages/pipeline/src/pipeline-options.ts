import { AgentwireError, type Clock, systemClock } from '@agentwire/core';
import { checkText, OPTION, type OptionTable, resolveOptions } from '@agentwire/core/internal';
import type { AgentPool } from '@agentwire/pool';

/** The part of an `AgentPool` that a pipeline uses. */
export type AgentDirectory = Pick<
  AgentPool,
  'decide' | 'decideFailure' | 'handles' | 'sendRequestComplete' | 'cancelRequest'
>;

/** Names of agents in the order they are asked; those in an inner list are asked together. */
export type AgentOrder = readonly (string | readonly string[])[];

/** Options of `resolvePipelineOptions`. */
export interface PipelineOptions {
  /** The pool that has the agents. */
  readonly pool: AgentDirectory;
  /** Default none: then every request passes unasked. */
  readonly agents?: AgentOrder | undefined;
  /** Time that one decision may take, in milliseconds; default the pool's `requestTimeoutMs`. */
  readonly decisionTimeoutMs?: number | undefined;
  /** Longest chunk that an agent is asked about, in bytes; default 1 MiB, at most 16 MiB. Longer ones are split. */
  readonly maxChunkBytes?: number | undefined;
  readonly clock?: Clock | undefined;
}

/** Checked options of a `Pipeline`; one object for all requests. */
export interface ResolvedPipelineOptions {
  readonly pool: AgentDirectory;
  /** Agents by step; those of one step are asked together. */
  readonly steps: readonly (readonly string[])[];
  readonly decisionTimeoutMs: number | undefined;
  readonly maxChunkBytes: number;
  readonly clock: Clock;
}

const invalid = (message: string): AgentwireError => new AgentwireError('ERR_INVALID_ARGUMENT', message);

/** Checks the order of agents and returns it as steps. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function stepsOf(agents: unknown): readonly (readonly string[])[] {
  if (!Array.isArray(agents)) throw invalid('agents must be a list of names, or of lists of names');
  const steps = agents.map((step: unknown) => (Array.isArray(step) ? step : [step]) as unknown[]);
  if (steps.some((step) => step.length === 0))
    throw invalid('agents has an empty list in it: name an agent or take it out');
  const names = steps.flat().map((name) => checkText('a name of agents', name));
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw invalid(`agents names ${JSON.stringify(twice)} twice`);
  return steps as string[][];
}

const TABLE: OptionTable<PipelineOptions> = {
  pool: OPTION.methods('decide', 'decideFailure', 'handles', 'sendRequestComplete', 'cancelRequest'),
  agents: { check: (_name, value) => void stepsOf(value), default: [] },
  decisionTimeoutMs: OPTION.integer(1, 86_400_000),
  maxChunkBytes: { check: OPTION.integer(1, 16 * 1024 ** 2), default: 1024 ** 2 },
  clock: { check: OPTION.clock, default: systemClock },
};

/** Checks the options of a `Pipeline` and fills in defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function resolvePipelineOptions(options: PipelineOptions): ResolvedPipelineOptions {
  const { pool, agents, maxChunkBytes, clock } = resolveOptions('a pipeline', options, TABLE);
  if (pool === undefined) throw invalid('a pipeline needs a pool: resolvePipelineOptions({ pool, agents })');
  return { pool, steps: stepsOf(agents), decisionTimeoutMs: options.decisionTimeoutMs, maxChunkBytes, clock };
}
