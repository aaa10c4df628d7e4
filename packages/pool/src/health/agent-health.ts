import type { AgentwireError, Clock, HealthState } from '@agentwire/core';
import type { CircuitBreakerState } from '../agent/circuit-breaker.ts';
import type { PooledAgent } from '../agent/pooled-agent.ts';
import type { PooledConnection } from '../agent/pooled-connection.ts';
import { type HealthVerdict, type HealthWindow, successRateOf, verdictOf } from './health-window.ts';

/** Health of an agent; Agent Protocol v2, `get_health`. */
export interface AgentHealth {
  readonly agentName: string;
  /** Connections that the pool wants. */
  readonly totalConnections: number;
  /** Connections that take new requests: open, not paused, not draining, not ejected, and not reported unhealthy by the agent. */
  readonly healthyConnections: number;
  /** 0 to 1 over the outcomes of the last minute; 1 without one. */
  readonly successRate: number;
  /** Moving average of successful answers, in milliseconds; 0 before the first. */
  readonly averageLatencyMs: number;
  /** `openedAt` is in milliseconds since 1970-01-01 UTC. */
  readonly circuitBreakerState: CircuitBreakerState;
  /**
   * The worse of two: the success rate's verdict (`healthy` over 0.95, `degraded` from 0.8), and what the agent reports: `unhealthy` where
   * every connection that has a valid report says so, or was paused for 30 s without a sign of the agent, `degraded` where one says something
   * else than `healthy`. `disconnected` while no
   * connection is up.
   */
  readonly state: HealthVerdict | 'disconnected';
}

/** Health of one connection of an agent. */
export interface ConnectionHealth {
  /** Number among the agent's connections; a connection that is dialled again keeps it. */
  readonly id: number;
  /** `true` while it takes new requests, as {@link AgentHealth.healthyConnections} counts them. */
  readonly healthy: boolean;
  readonly ejected: boolean;
  /** Events that wait for an answer. */
  readonly pending: number;
  /** 0 to 1 over the outcomes of the last minute; 1 without one. */
  readonly successRate: number;
  /** Moving average of successful answers, in milliseconds; 0 before the first. */
  readonly averageLatencyMs: number;
  /** Error of the last event that failed here. */
  readonly lastError: Pick<AgentwireError, 'code' | 'message'> | undefined;
  /** State that the agent reports on this connection; `undefined` without a valid report. */
  readonly reported: HealthState | undefined;
}

const ORDER: readonly HealthVerdict[] = ['healthy', 'degraded', 'unhealthy'];

/** Returns success rate and average latency over all connections: each counts by its outcomes of the last minute. */
function measuredOf(windows: readonly HealthWindow[], now: number): { successRate: number; averageLatencyMs: number } {
  let outcomes = 0;
  let failures = 0;
  let latency = 0;
  let weight = 0;
  for (const window of windows) {
    const counts = window.totals(now);
    outcomes += counts.outcomes;
    failures += counts.failures;
    if (window.averageLatencyMs === 0) continue;
    // one without an outcome in the last minute counts a little, so that an idle agent keeps its latency
    const share = Math.max(0.001, counts.outcomes - counts.failures);
    latency += share * window.averageLatencyMs;
    weight += share;
  }
  return { successRate: successRateOf({ outcomes, failures }), averageLatencyMs: weight === 0 ? 0 : latency / weight };
}

/** Returns what an agent reports over all its connections. */
function reportedVerdict(connections: readonly PooledConnection[]): HealthVerdict {
  const states = connections.flatMap(({ session, life: { lease }, reported: { state } }): HealthState[] => {
    if (session === undefined) return [];
    if (lease.state === 'expired') return ['unhealthy'];
    return state === undefined ? [] : [state];
  });
  if (states.length > 0 && states.every((state) => state === 'unhealthy')) return 'unhealthy';
  return states.every((state) => state === 'healthy') ? 'healthy' : 'degraded';
}

/** Returns a breaker's state with the time of its opening on the wall. */
function onTheWall(state: CircuitBreakerState, clock: Clock): CircuitBreakerState {
  if (typeof state === 'string') return state;
  return { ...state, openedAt: Math.round(clock.wallNow() - (clock.now() - state.openedAt)) };
}

/** Returns the health of an agent now. */
export function healthOf({ name, breaker, connections }: PooledAgent, clock: Clock): AgentHealth {
  const { pooled, up, gone } = connections;
  const windows = [...pooled.map(({ health }) => health), gone];
  const { successRate, averageLatencyMs } = measuredOf(windows, clock.now());
  const verdicts = [verdictOf(successRate), reportedVerdict(pooled)].map((verdict) => ORDER.indexOf(verdict));
  return {
    agentName: name,
    totalConnections: pooled.length,
    healthyConnections: pooled.filter(({ healthy }) => healthy).length,
    successRate,
    averageLatencyMs,
    circuitBreakerState: onTheWall(breaker.circuit.state, clock),
    state: up === 0 ? 'disconnected' : (ORDER[Math.max(...verdicts)] ?? 'unhealthy'),
  };
}

/** Returns the health of each connection of an agent now. */
export function connectionHealthOf({ connections }: PooledAgent, clock: Clock): readonly ConnectionHealth[] {
  return connections.pooled.map(
    ({ id, healthy, ejection, pending, successRate, averageLatencyMs, health, reported }) => ({
      id,
      healthy,
      ejected: ejection.isEjected(clock.now()),
      pending,
      successRate,
      averageLatencyMs,
      lastError: health.lastError && { code: health.lastError.code, message: health.lastError.message },
      reported: reported.state,
    }),
  );
}
