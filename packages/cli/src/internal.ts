// For agentwire's own packages and tools. No promise of stability: any release may change or remove a name without notice.
export { type LoopResult, runClosedLoop } from './bench/closed-loop.ts';
export { Latencies } from './bench/latencies.ts';
export { createWorkload } from './bench/workload.ts';
export { Worker, WORKER_LIFECYCLE } from './workers/worker.ts';
