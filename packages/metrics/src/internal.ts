// For agentwire's own packages. No promise of stability: any release may change or remove a name without notice.
export { MergedMetrics, type ProcessMetrics } from './merged-metrics.ts';
export { snapshotOf } from './snapshot.ts';
