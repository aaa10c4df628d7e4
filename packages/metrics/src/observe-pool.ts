import type { MetricsCollector } from './metrics-collector.ts';

/** Part of an `AgentPool` that {@link observePool} reads. */
export interface ObservedPool {
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
 * `stats`; requests cost nothing for it. An agent that has left the pool is removed from the collector.
 *
 * @returns a function that ends it
 */
export function observePool(collector: MetricsCollector, pool: ObservedPool): () => void {
  let known = new Set<string>();
  return collector.onCollect(() => {
    const { agents } = pool.stats;
    const names = new Set(agents.map(({ name }) => name));
    for (const name of known) if (!names.has(name)) collector.removeAgent(name);
    known = names;
    for (const { name, inFlight, queued, paused } of agents) {
      collector.gauge('agent_in_flight_requests', { agent: name }, inFlight);
      collector.gauge('agent_queue_depth', { agent: name }, queued);
      if (paused !== undefined) collector.gauge('agent_flow_paused', { agent: name }, paused);
    }
  });
}
