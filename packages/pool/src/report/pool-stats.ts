import type { PooledAgent } from '../agent/pooled-agent.ts';

/** A cheap picture of the pool. */
export interface AgentPoolStats {
  readonly agents: readonly {
    readonly name: string;
    readonly endpoint: string;
    readonly connections: number;
    /** Events that wait for an answer. */
    readonly inFlight: number;
    /** Requests that wait for a free connection. */
    readonly queued: number;
    /** Requests that are remembered because more of them may come. */
    readonly liveRequests: number;
    readonly requests: number;
    /** Questions that the failure policy decided. */
    readonly failures: number;
  }[];
}

/** The picture of these agents now. */
export function statsOf(agents: Iterable<PooledAgent>): AgentPoolStats {
  return {
    agents: Array.from(agents, ({ name, endpoint, connections, requests, asked, failures }) => ({
      name,
      endpoint,
      connections: connections.up,
      inFlight: connections.inFlight,
      queued: requests.waiting,
      liveRequests: requests.live,
      requests: asked,
      failures: failures.count,
    })),
  };
}
