export * from './agent-pool.ts';
export * from './failure-policy.ts';
export type { HealthVerdict } from './health-window.ts';
export * from './load-balancing.ts';
export * from './options.ts';
export type { PoolAskOptions, Question } from './pooled-agent.ts';
