import { createWorkload } from '@agentwire/cli/internal';

/** One request of the workload, as the sessions take it. */
export type WorkloadEvent = ReturnType<typeof createWorkload>[number];

const events: readonly WorkloadEvent[] = createWorkload();

/** The request that question `n` is about. */
export function eventOf(n: number): WorkloadEvent {
  return events[n % events.length] as WorkloadEvent;
}
