// Started by killed-under-load.test.ts: handles each message of a durable inbox for a moment, and keeps the requests of a service.
// It connects when it reads something, and writes a line when a handler begins and one when it has ended.
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { createA2ARouter } from '@agentwire/a2a-router';
import { createNatsBackend } from '../src/index.ts';

const say = (text: string): number => writeSync(1, `${text}\n`);
await once(process.stdin, 'data');
const backend = await createNatsBackend({
  nodeId: 'b',
  servers: process.argv[2] ?? '',
  durable: {},
  presenceIntervalMs: 100,
});
const router = createA2ARouter({ backend, acceptRemote: () => ({}) });
const worker = router.register(router.processTable.insert({ agentId: 'worker' }), { capacity: 10_000 });
worker.provide('keep');
await backend.openInbox(
  'orders',
  async ({ payload }) => {
    const number = payload.kind === 'json' ? JSON.stringify(payload.value) : '';
    say(`+${number}`);
    await setTimeout(20);
    say(`-${number}`);
  },
  { ackWaitMs: 500, concurrency: 32 },
);
await backend.flush();
say('ready');
