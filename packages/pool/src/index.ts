export { AgentPool, createAgentPool } from './agent-pool.ts';
export type { AddAgentOptions } from './agent-table.ts';
export type { HealthVerdict } from './agent/health-window.ts';
export type { Failure, FailureKind, FailurePolicy, FailureRule } from './failure-policy.ts';
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
export type { AgentHealth } from './report/agent-health.ts';
export type { AgentPoolStats } from './report/pool-stats.ts';
