export * from './bench/closed-loop.ts';
export * from './bench/latencies.ts';
export * from './bench/workload.ts';
