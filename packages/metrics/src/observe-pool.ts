import type { MetricsCollector } from './metrics-collector.ts';

/** Part of an `AgentPool` that {@link observePool} reads. */
export interface ObservedPool {
  /** `true` once it drains or is closed. Default: never. */
  readonly closed?: boolean;
  readonly stats: {
    readonly agents: readonly {
      readonly name: string;
      readonly inFlight: number;
      readonly queued: number;
      readonly paused?: number;
    }[];
  };
}

/**
 * Sets `agent_in_flight_requests`, `agent_queue_depth` and `agent_flow_paused` of each agent of a pool whenever the collector is exported, from the pool's
 * `stats`; requests cost nothing for it. An agent that has left the pool is removed from the collector. Of a pool that is closed the series
 * stay, with 0 in these gauges, so that what was counted can still be read.
 *
 * @returns a function that ends it
 */
export function observePool(collector: MetricsCollector, pool: ObservedPool): () => void {
  let known = new Set<string>();
  const set = (agent: string, inFlight: number, queued: number, paused: number | undefined): void => {
    collector.gauge('agent_in_flight_requests', { agent }, inFlight);
    collector.gauge('agent_queue_depth', { agent }, queued);
    if (paused !== undefined) collector.gauge('agent_flow_paused', { agent }, paused);
  };
  return collector.onCollect(() => {
    const { agents } = pool.stats;
    const names = new Set(agents.map(({ name }) => name));
    for (const name of known) {
      if (names.has(name)) continue;
      if (pool.closed === true) set(name, 0, 0, 0);
      else collector.removeAgent(name);
    }
    if (pool.closed !== true) known = names;
    // an agent that replaces another one is shown under its name, and both may have requests
    for (const [name, all] of Map.groupBy(agents, (agent) => agent.name)) {
      let [inFlight, queued, paused] = [0, 0, 0];
      for (const one of all) {
        inFlight += one.inFlight;
        queued += one.queued;
        paused += one.paused ?? 0;
      }
      set(name, inFlight, queued, all[0]?.paused === undefined ? undefined : paused);
    }
  });
}
