import type { HealthVerdict } from './agent/agent-metrics.ts';
import type { CircuitBreakerState } from './agent/circuit-breaker.ts';
import type { PooledAgent } from './agent/pooled-agent.ts';

/** Health of an agent; Agent Protocol v2, `get_health`. */
export interface AgentHealth {
  readonly agentName: string;
  /** Connections that the pool wants. */
  readonly totalConnections: number;
  /** Connections that are up. */
  readonly healthyConnections: number;
  /** 0 to 1 over the last 100 outcomes. */
  readonly successRate: number;
  /** Moving average of successful answers, in milliseconds. */
  readonly averageLatencyMs: number;
  readonly circuitBreakerState: CircuitBreakerState;
  readonly state: HealthVerdict | 'disconnected';
}

/** Returns the health of an agent now. */
export function healthOf({ name, breaker, connections, metrics: { health } }: PooledAgent): AgentHealth {
  const { up } = connections;
  return {
    agentName: name,
    totalConnections: connections.pooled.length,
    healthyConnections: up,
    successRate: health.successRate,
    averageLatencyMs: health.averageLatencyMs,
    circuitBreakerState: breaker.state,
    state: up === 0 ? 'disconnected' : health.verdict,
  };
}

/** Snapshot of a pool; cheap to take. */
export interface AgentPoolStats {
  readonly agents: readonly {
    readonly name: string;
    readonly endpoint: string;
    readonly connections: number;
    /** Events that wait for an answer. */
    readonly inFlight: number;
    /** Requests that wait for a free connection. */
    readonly queued: number;
    /** Requests that are remembered because more of their events may come. */
    readonly liveRequests: number;
    readonly requests: number;
    /** Events that the failure policy decided. */
    readonly failures: number;
  }[];
}

/** Returns the snapshot of these agents. */
export function statsOf(agents: Iterable<PooledAgent>): AgentPoolStats {
  return {
    agents: Array.from(agents, ({ name, endpoint, connections, requests, asked, failures }) => ({
      name,
      endpoint,
      connections: connections.up,
      inFlight: connections.inFlight,
      queued: requests.queued,
      liveRequests: requests.live,
      requests: asked,
      failures: failures.count,
    })),
  };
}
