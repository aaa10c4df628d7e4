export * from './agent-pool.ts';
export type { AddAgentOptions } from './agent-table.ts';
export type { HealthVerdict } from './agent/health-window.ts';
export * from './failure-policy.ts';
export * from './load-balancing.ts';
export * from './options.ts';
export type { PoolAskOptions, Question } from './question.ts';
export type { AgentHealth } from './report/agent-health.ts';
export type { AgentPoolStats } from './report/pool-stats.ts';
