import { AgentwireError, type Logger } from '@agentwire/core';
import { checkKnownOptions, checkText, countAllRepeats, OPTION } from '@agentwire/core/internal';
import type { AgentNotice, ProxySession } from '@agentwire/core/session';
import { AgentLog } from './agent-log.ts';
import { PooledAgent } from './agent/pooled-agent.ts';
import { ConfigAnswers } from './config-answers.ts';
import { checkFailurePolicy, type FailurePolicy } from './failure-policy.ts';
import type { ResolvedPoolOptions } from './options.ts';
import { ShownGauges } from './shown-gauges.ts';

/** Options of one agent. */
export interface AddAgentOptions {
  /** Policy for events that the agent cannot decide; default `closed`. */
  readonly onFailure?: FailurePolicy;
  /** Secret for an agent that asks its callers for one; default none. Never logged. No effect for an agent that registers. */
  readonly token?: string;
  /** Name in logs, metrics and statistics; default its name. One that replaces another agent keeps that one's. */
  readonly shownAs?: string;
}

/** Returns whether a policy leaves paused agents to the flow-control mode. */
function saysNothingOfPauses(policy: FailurePolicy): boolean {
  return typeof policy === 'object' && policy.flow_paused === undefined && policy.default === undefined;
}

/** Agents that were added because they registered under a new name; past it those that have left are removed. */
const MAX_REGISTERED = 1_024;

/** Agents of one pool by name, until the pool is drained or closed. */
export class AgentTable {
  readonly #options: ResolvedPoolOptions;
  /** Logger of agents' notices; counts repeats at every level. */
  readonly #notices: Logger;
  readonly #configAnswers: ConfigAnswers;
  readonly #byName = new Map<string, PooledAgent>();
  /** Gauges by the name that agents are shown under. */
  readonly #gauges = new Map<string, ShownGauges>();
  /** Names of {@link MAX_REGISTERED}, the one that registered longest ago first. */
  readonly #registered = new Set<string>();
  #closed = false;

  constructor(options: ResolvedPoolOptions) {
    this.#options = options;
    this.#notices = countAllRepeats(options.logger, options.clock);
    this.#configAnswers = new ConfigAnswers(options, this.#notices);
  }

  /** Takes a notice: log lines are written, any other by its type; metrics go to the recorder. */
  #take(agent: string, log: AgentLog, notice: AgentNotice, session: ProxySession): void {
    if (notice.type === 'metricsReport') this.#options.metrics.recordReport(agent, notice);
    else if (notice.type === 'log') log.write(notice, session);
    // reports of health come every few seconds; a change of state is a line of the connection's fitness
    else if (notice.type !== 'healthStatus')
      this.#notices.info({ agent, notice: notice.type }, 'an agent sent a notice');
    if (notice.type === 'configUpdateRequest') void this.#configAnswers.answer(agent, notice, session);
  }

  /** Adds an agent, not connected yet. @throws AgentwireError `ERR_CLOSED`, `ERR_DUPLICATE_AGENT`, `ERR_INVALID_ARGUMENT` */
  add(name: string, endpoint: string, options: AddAgentOptions): PooledAgent {
    checkText('name', name);
    checkKnownOptions('addAgent', options, ['onFailure', 'token', 'shownAs']);
    if (options.token !== undefined) OPTION.secret('token', options.token);
    this.#checkOpen();
    if (this.#byName.has(name)) throw new AgentwireError('ERR_DUPLICATE_AGENT', `the pool has an agent named ${name}`);
    const given = checkFailurePolicy(options.onFailure === undefined ? {} : options.onFailure);
    const passesPaused = this.#options.flowControlMode === 'failOpen' && saysNothingOfPauses(given);
    const onFailure = passesPaused ? { ...(given as object), flow_paused: 'open' as const } : given;
    const shown = checkText('shownAs', options.shownAs === undefined ? name : options.shownAs);
    const log = new AgentLog(shown, this.#options);
    const gauges = this.#gauges.get(shown) ?? new ShownGauges(shown, this.#options.metrics);
    this.#gauges.set(shown, gauges);
    const rules = { onFailure, passesPaused };
    const agent = new PooledAgent(shown, endpoint, this.#options, rules, gauges, (notice, session) =>
      this.#take(shown, log, notice, session),
    );
    this.#byName.set(name, agent);
    return agent;
  }

  /**
   * Returns the agent that opened a connection under this name, added if it is new; `options` apply only then. Past 1 024 names
   * the agent that has no connection, and registered longest ago, is removed.
   *
   * @throws AgentwireError `ERR_DUPLICATE_AGENT`
   */
  getOrAdd(name: string, options: AddAgentOptions): PooledAgent {
    this.#checkOpen();
    const agent = this.#byName.get(name);
    if (agent?.connections.dialled === true) {
      throw new AgentwireError(
        'ERR_DUPLICATE_AGENT',
        `the pool dials ${name} at ${agent.endpoint}, so no agent may register under that name: use another id, or add it with addReverseAgent`,
      );
    }
    const added = agent ?? this.add(name, `reverse:${name}`, options);
    if (agent === undefined || this.#registered.delete(name)) this.#registered.add(name);
    if (agent === undefined) this.#removeLeft(name);
    return added;
  }

  /** Removes agents that have left, so that those with a new name for each of their processes do not add up. */
  #removeLeft(added: string): void {
    for (const name of this.#registered) {
      if (this.#registered.size <= MAX_REGISTERED) return;
      if (name === added || this.#byName.get(name)?.connections.pooled.length !== 0) continue;
      this.#options.logger.info(
        { agent: name },
        `an agent that has left is removed: more than ${MAX_REGISTERED} have registered`,
      );
      void this.remove(name);
    }
  }

  #checkOpen(): void {
    if (this.#closed) throw new AgentwireError('ERR_CLOSED', 'the pool is closed');
  }

  /** `true` from the drain or close on. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Returns whether there is an agent of that name. */
  has(name: string): boolean {
    return this.#byName.has(name);
  }

  /** Returns the agent of that name. @throws AgentwireError `ERR_UNKNOWN_AGENT` */
  get(name: string): PooledAgent {
    const agent = this.#byName.get(name);
    if (agent !== undefined) return agent;
    const known = [...this.#byName.keys()].join(', ') || 'none';
    throw new AgentwireError('ERR_UNKNOWN_AGENT', `the pool has no agent ${JSON.stringify(name)}; it has ${known}`);
  }

  /** Returns every agent, in the order in which they were added. */
  all(): Iterable<PooledAgent> {
    return this.#byName.values();
  }

  /** Ends an agent's connections at once and removes it. @throws AgentwireError `ERR_UNKNOWN_AGENT` */
  async remove(name: string): Promise<void> {
    const agent = this.get(name);
    this.#byName.delete(name);
    this.#registered.delete(name);
    await agent.stop(0);
    const isShown = [...this.#byName.values()].some((other) => other.name === agent.name);
    agent.metrics.remove();
    if (isShown) return;
    this.#gauges.delete(agent.name);
    this.#options.metrics.removeAgent(agent.name);
  }

  /** Refuses further agents and removes all; with a timeout, after what is in flight. */
  async stop(drainTimeoutMs: number): Promise<void> {
    this.#closed = true;
    const agents = [...this.#byName.values()];
    await Promise.all(agents.map((agent) => agent.stop(drainTimeoutMs)));
    this.#byName.clear();
  }
}
