import { createManualClock, type ManualClock } from '@agentwire/core/testing';
import { type A2AEndpoint, type A2ARouter, createA2ARouter, type AgentCapabilities } from '../src/index.ts';
import type { RouterSettings } from '../src/internal.ts';

/** A router on a clock that stands still, and the agents that a test adds to it. */
export interface Team {
  readonly router: A2ARouter;
  readonly clock: ManualClock;
  readonly add: (agentId: string, capabilities?: Partial<AgentCapabilities>, parent?: number) => A2AEndpoint;
}

export function createTeam(settings: RouterSettings = {}): Team {
  const clock = createManualClock();
  const router = createA2ARouter({ clock, ...settings });
  return {
    router,
    clock,
    add: (agentId, capabilities = {}, parent = 0) =>
      router.register(router.processTable.insert({ agentId, capabilities, parent })),
  };
}

/** Lets everything that is ready happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}
