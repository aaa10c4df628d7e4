export * from './decisions.ts';
export * from './fault-plan.ts';
export * from './faults.ts';
export * from './linked-pair.ts';
export * from './manual-clock.ts';
