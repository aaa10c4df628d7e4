import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type A2AEndpoint, createA2ARouter, createChain } from '@agentwire/a2a-router';
import { CAPABILITIES, runAuditor, runPlanner, runWorker, type Say } from './agents.ts';
import type { Solved } from './main.ts';

/** The same team on one router in this process, without NATS. */
export async function solveInOneProcess(folder: string, say: Say): Promise<Solved> {
  const path = join(folder, 'team.ndjson');
  const key = new Uint8Array(randomBytes(32));
  const chain = createChain({ key, path });
  const router = createA2ARouter({ chain });
  const add = (name: string, role: keyof typeof CAPABILITIES): A2AEndpoint =>
    router.register(router.processTable.insert({ agentId: name, capabilities: CAPABILITIES[role] }));
  const working = [
    runAuditor(add('auditor', 'auditor')),
    runWorker(add('worker-1', 'worker'), 'worker-1', say),
    runWorker(add('worker-2', 'worker'), 'worker-2', say),
  ];
  const total = await runPlanner(add('planner', 'planner'), say);
  await router.close();
  await Promise.all(working);
  await chain.close();
  return { total, chains: [{ path, head: chain.head, key }] };
}
