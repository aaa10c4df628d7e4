export { IMPOSSIBLE_DECISIONS, type ImpossibleDecision, POSSIBLE_DECISIONS } from './decisions.ts';
export type { Fault, FaultPlace, FaultPlan } from './fault-plan.ts';
export { withFaults } from './faults.ts';
export { createLinkedPair, type LinkedConnection, type LinkedPair, type LinkedPairOptions } from './linked-pair.ts';
export { createManualClock, type ManualClock } from './manual-clock.ts';
