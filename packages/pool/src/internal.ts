// For agentwire's own packages. No promise of stability: any release may change or remove a name without notice.
export { Affinities, AFFINITY_LIFECYCLE } from './agent/affinities.ts';
export { CIRCUIT_BREAKER_LIFECYCLE, CircuitBreaker, type Probe } from './agent/circuit-breaker.ts';
export { POOLED_CONNECTION_LIFECYCLE } from './agent/connection-state.ts';
export { Ejection, EJECTION_LIFECYCLE } from './agent/ejection.ts';
export { PooledConnection } from './agent/pooled-connection.ts';
export { PAUSE_LEASE_LIFECYCLE, PAUSE_LEASE_MS, PauseLease } from './agent/pause-lease.ts';
export { isCachedDecision } from './decision-cache/decision-cache.ts';
export { checkFailurePolicy, failureKindOf, failurePolicySchema } from './failure-policy.ts';
export { POOL_FILE_ROWS, resolvePoolOptions } from './options.ts';
