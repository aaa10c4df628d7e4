import type { HealthVerdict } from '../agent/health-window.ts';
import type { PooledAgent } from '../agent/pooled-agent.ts';

/** How an agent does; Agent Protocol v2, `get_health`. */
export interface AgentHealth {
  readonly agentName: string;
  /** Connections the pool wants. */
  readonly totalConnections: number;
  /** Connections that are up. */
  readonly healthyConnections: number;
  /** 0 to 1 over the last 100 outcomes. */
  readonly successRate: number;
  /** Moving average of successful answers, in milliseconds. */
  readonly averageLatencyMs: number;
  readonly state: HealthVerdict | 'disconnected';
}

/** How an agent does now. */
export function healthOf({ name, connections, measures: { health } }: PooledAgent): AgentHealth {
  const { up } = connections;
  return {
    agentName: name,
    totalConnections: connections.places.length,
    healthyConnections: up,
    successRate: health.successRate,
    averageLatencyMs: health.averageLatencyMs,
    state: up === 0 ? 'disconnected' : health.verdict,
  };
}
