import type { MetricsCollector } from './metrics-collector.ts';

/** Part of an `AgentPool` that {@link observePool} reads. */
export interface ObservedPool {
  readonly stats: {
    readonly agents: readonly { readonly name: string; readonly inFlight: number; readonly queued: number }[];
  };
}

/**
 * Sets `agent_in_flight_requests` and `agent_queue_depth` of each agent of a pool whenever the collector is exported, from the pool's
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
    for (const { name, inFlight, queued } of agents) {
      collector.gauge('agent_in_flight_requests', { agent: name }, inFlight);
      collector.gauge('agent_queue_depth', { agent: name }, queued);
    }
  });
}
