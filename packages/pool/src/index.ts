export { AgentPool, createAgentPool } from './agent-pool.ts';
export type { AddAgentOptions } from './agent-table.ts';
export type { CircuitBreakerState } from './agent/circuit-breaker.ts';
export type { HealthVerdict } from './agent/agent-metrics.ts';
export type { FailureKind } from './failure-kind.ts';
export type { Failure, FailurePolicy, FailureRule } from './failure-policy.ts';
export {
  type Candidate,
  leastConnections,
  type LoadBalanceStrategy,
  type LoadBalanceStrategyName,
  powerOfTwo,
  random,
  roundRobin,
} from './load-balancing.ts';
export type { AgentPoolOptions } from './options.ts';
export type { PoolAskOptions, Question } from './question.ts';
export type { AgentHealth, AgentPoolStats } from './stats.ts';
