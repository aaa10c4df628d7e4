// One agent in a process of its own; started by over-nats.ts.
import { readFileSync } from 'node:fs';
import { createA2ARouter, createChain } from '@agentwire/a2a-router';
import { createNatsBackend } from '@agentwire/a2a-nats';
import { CAPABILITIES, runAuditor, runPlanner, runWorker } from './agents.ts';
import type { AgentSettings, FromAgent, ToAgent } from './protocol.ts';

const { role, name, servers, path, passwordFile, keyFile } = JSON.parse(process.argv[2] ?? '{}') as AgentSettings;
const tell = (news: FromAgent): void => void process.send?.(news);
const say = (line: string): void => tell({ kind: 'say', line });

const backend = await createNatsBackend({ nodeId: name, servers, auth: { user: name, pass: secret(passwordFile) } });
const chain = createChain({ key: Buffer.from(secret(keyFile), 'hex'), path });
const router = createA2ARouter({
  backend,
  chain,
  // Who a sender is, is in the name of its node, which the server enforces; what it may do here is decided here.
  acceptRemote: (node) =>
    node === 'planner' ? CAPABILITIES.planner : node.startsWith('worker') ? CAPABILITIES.worker : CAPABILITIES.auditor,
});
const agent = router.register(router.processTable.insert({ agentId: name, capabilities: CAPABILITIES[role] }));

process.on('message', (order: ToAgent) => void (order.kind === 'go' ? go() : stop()));
if (role === 'worker') void runWorker(agent, name, say);
if (role === 'auditor') void runAuditor(agent);
await backend.flush();
tell({ kind: 'ready' });

async function go(): Promise<void> {
  if (role === 'planner') tell({ kind: 'solved', total: await runPlanner(agent, say) });
}

async function stop(): Promise<void> {
  await router.close();
  await backend.close();
  await chain.close();
  tell({ kind: 'stopped', path, head: chain.head });
  process.disconnect();
}

/** Secrets come by file: a command line is open to everybody on the machine. */
function secret(file: string): string {
  return readFileSync(file, 'utf8').trim();
}
