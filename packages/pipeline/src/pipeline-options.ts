import { AgentwireError, type Clock, systemClock } from '@agentwire/core';
import {
  checkObject,
  checkText,
  described,
  OPTION,
  type OptionCheck,
  type OptionTable,
  resolveOptions,
  tableSchema,
} from '@agentwire/core/internal';
import type { AgentPool, FailurePolicy } from '@agentwire/pool';
import { checkFailurePolicy, failurePolicySchema } from '@agentwire/pool/internal';

/** The part of an `AgentPool` that a pipeline uses. */
export type AgentDirectory = Pick<
  AgentPool,
  'decide' | 'decideFailure' | 'handles' | 'sendRequestComplete' | 'cancelRequest'
> &
  Partial<Pick<AgentPool, 'request' | 'recordShadow' | 'logger'>>;

/** Names of agents in the order they are asked; those in an inner list are asked together. */
export type AgentOrder = readonly (string | readonly string[])[];

/** Settings of one agent in a pipeline. */
export interface AgentSettings {
  /** Time that one of its decisions may take, in milliseconds; default `decisionTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /**
   * Total time that it may make one request wait, in milliseconds, over all its decisions on it; default none. Past it each of them is a failure
   * of the kind `timeout`, for which `onFailure` decides. On an open WebSocket it is the time for one message.
   */
  readonly budgetMs?: number | undefined;
  /**
   * `observe` asks the agent at its place, also about bodies and WebSocket messages, but waits for nothing and obeys nothing: what it would have decided is counted
   * beside what was decided, in `agent_shadow_decisions_total`. Default `decide`. Bodies are those that the client and the upstream sent.
   */
  readonly mode?: 'decide' | 'observe' | undefined;
  /** Policy for events that it cannot decide; default that of the pool's agent. */
  readonly onFailure?: FailurePolicy | undefined;
}

/** Options of `resolvePipelineOptions`. */
export interface PipelineOptions {
  /** The pool that has the agents. */
  readonly pool: AgentDirectory;
  /** Default none: then every request passes unasked. */
  readonly agents?: AgentOrder | undefined;
  /** Time that one decision may take, in milliseconds; default the pool's `requestTimeoutMs`. */
  readonly decisionTimeoutMs?: number | undefined;
  /** Settings by name of agent. */
  readonly agentSettings?: Readonly<Record<string, AgentSettings>> | undefined;
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
  readonly agentSettings: ReadonlyMap<string, AgentSettings> | undefined;
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

const AGENT_SETTINGS: OptionTable<AgentSettings> = {
  timeoutMs: OPTION.integer(1, 86_400_000),
  budgetMs: OPTION.integer(1, 86_400_000),
  mode: OPTION.oneOf('decide', 'observe'),
  onFailure: described(failurePolicySchema, (_name, value) => void checkFailurePolicy(value as FailurePolicy)),
};

/** Checks settings by name of agent. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export const checkAgentSettings: OptionCheck = described(
  () => ({ type: 'object', additionalProperties: tableSchema(AGENT_SETTINGS) }),
  (name, value) => {
    for (const [agent, settings] of Object.entries(checkObject(name, value as object)))
      OPTION.nested(AGENT_SETTINGS)(`${name}.${agent}`, settings);
  },
);

/** Checks an order of agents. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export const checkAgentOrder: OptionCheck = described(
  () => {
    const name = { type: 'string', minLength: 1 };
    return { type: 'array', items: { anyOf: [name, { type: 'array', items: name, minItems: 1 }] } };
  },
  (_name, value) => void stepsOf(value),
);

/**
 * Checks that settings are for agents that are asked: those of a misspelled name would have no effect.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT`
 */
export function checkSettingsNames(
  name: string,
  settings: PipelineOptions['agentSettings'],
  asked: readonly string[],
): void {
  const other = Object.keys(settings ?? {}).find((agent) => !asked.includes(agent));
  if (other === undefined) return;
  const known = asked.length === 0 ? 'no agent is asked' : `the agents that are asked are ${asked.join(', ')}`;
  throw invalid(`${name} has settings for ${JSON.stringify(other)}, but ${known}`);
}

/** Returns settings as a pipeline takes them. */
export function settingsOf(settings: PipelineOptions['agentSettings']): ResolvedPipelineOptions['agentSettings'] {
  return settings === undefined ? undefined : new Map(Object.entries(settings));
}

const TABLE: OptionTable<PipelineOptions> = {
  pool: OPTION.methods('decide', 'decideFailure', 'handles', 'sendRequestComplete', 'cancelRequest'),
  agents: { check: checkAgentOrder, default: [] },
  decisionTimeoutMs: OPTION.integer(1, 86_400_000),
  agentSettings: checkAgentSettings,
  maxChunkBytes: { check: OPTION.integer(1, 16 * 1024 ** 2), default: 1024 ** 2 },
  clock: { check: OPTION.clock, default: systemClock },
};

/** Checks the options of a `Pipeline` and fills in defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function resolvePipelineOptions(options: PipelineOptions): ResolvedPipelineOptions {
  const { pool, agents, maxChunkBytes, clock } = resolveOptions('a pipeline', options, TABLE);
  if (pool === undefined) throw invalid('a pipeline needs a pool: resolvePipelineOptions({ pool, agents })');
  const { decisionTimeoutMs, agentSettings } = options;
  const steps = stepsOf(agents);
  checkSettingsNames('agentSettings', agentSettings, steps.flat());
  return {
    pool,
    steps,
    decisionTimeoutMs,
    agentSettings: settingsOf(agentSettings),
    maxChunkBytes,
    clock,
  };
}
