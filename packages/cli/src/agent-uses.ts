import type { AgentDirectory } from '@agentwire/gateway';
import type { Logger } from '@agentwire/core';
import type { AgentPool } from '@agentwire/pool';

/** Agent as it is in the pool. */
export interface PoolAgent {
  /** Settings that the agent was added with, to tell whether it changed. */
  readonly made: string;
  /** Name in the pool: a changed agent is beside its former self until the last request of that is over. */
  readonly poolName: string;
}

/** Agents of settings, by name. */
export type Agents = ReadonlyMap<string, PoolAgent>;

/** Counts the options that name an agent and may still have requests, and removes it with the last of them. */
export class AgentUses {
  readonly #pool: AgentPool;
  readonly #logger: Logger;
  readonly #counts = new Map<PoolAgent, number>();

  constructor(pool: AgentPool, logger: Logger) {
    this.#pool = pool;
    this.#logger = logger;
  }

  /** Counts options that name `agents`. */
  begin(agents: Agents): void {
    for (const one of agents.values()) this.#counts.set(one, (this.#counts.get(one) ?? 0) + 1);
  }

  /** Counts the end of options that named `agents`; those that no others name are removed from the pool. */
  async end(agents: Agents): Promise<void> {
    const unused = [...agents.values()].filter((one) => {
      const left = (this.#counts.get(one) ?? 0) - 1;
      if (left > 0) this.#counts.set(one, left);
      else this.#counts.delete(one);
      return left === 0;
    });
    await Promise.all(unused.map(({ poolName }) => this.#pool.removeAgent(poolName))).catch((error: unknown) => {
      this.#logger.warn({ err: error }, 'an agent that is no longer used could not be removed');
    });
  }
}

/** Returns the pool as the gateway asks it: under the names of the file. */
export function directoryOf(pool: AgentPool, agents: Agents): AgentDirectory {
  const renamed = [...agents].filter(([name, { poolName }]) => name !== poolName);
  if (renamed.length === 0) return pool;
  const names = new Map(renamed.map(([name, { poolName }]) => [name, poolName]));
  const of = (agent: string): string => names.get(agent) ?? agent;
  return {
    decide: (agent, ...rest) => pool.decide(of(agent), ...rest),
    decideFailure: (agent, ...rest) => pool.decideFailure(of(agent), ...rest),
    handles: (agent, ...rest) => pool.handles(of(agent), ...rest),
    sendRequestComplete: (agent, ...rest) => pool.sendRequestComplete(of(agent), ...rest),
    cancelRequest: (agent, ...rest) => pool.cancelRequest(of(agent), ...rest),
    request: (agent, ...rest) => pool.request(of(agent), ...rest),
    recordShadow: (agent, ...rest) => pool.recordShadow(of(agent), ...rest),
  };
}
