import type { PooledAgent } from './agent/pooled-agent.ts';

/** Snapshot of a pool; cheap to take. */
export interface AgentPoolStats {
  readonly agents: readonly {
    readonly name: string;
    readonly endpoint: string;
    readonly connections: number;
    /** Events that wait for an answer. */
    readonly inFlight: number;
    /** Limit of `adaptiveConcurrency`, rounded down; `undefined` without it. */
    readonly concurrencyLimit: number | undefined;
    /** Connections that asked for no new requests (flow control). */
    readonly paused: number;
    /** Requests that wait for a free connection. */
    readonly queued: number;
    /** Requests that are remembered because more of their events may come. */
    readonly liveRequests: number;
    /** Events that the agent was to decide, also those that failed before they were sent. */
    readonly requests: number;
    /** Events that a cached decision of the agent decided. */
    readonly cached: number;
    /** Events that the failure policy decided. */
    readonly failures: number;
    /** Version of the last configuration that the agent accepted. */
    readonly configVersion: string | undefined;
  }[];
}

/** Returns the snapshot of these agents. */
export function statsOf(agents: Iterable<PooledAgent>): AgentPoolStats {
  return {
    agents: Array.from(agents, ({ name, endpoint, connections, requests, configs, asked, cached, failures }) => ({
      name,
      endpoint,
      connections: connections.up,
      paused: connections.paused,
      inFlight: connections.inFlight,
      concurrencyLimit: connections.limit && Math.floor(connections.limit.current),
      queued: requests.queued,
      liveRequests: requests.live,
      requests: asked,
      cached: cached?.hits ?? 0,
      failures: failures.count,
      configVersion: configs.version,
    })),
  };
}
