// Started by killed-node.test.ts: takes messages of a durable inbox and handles none to its end.
import { createA2ARouter } from '@agentwire/a2a-router';
import { createNatsBackend } from '../src/index.ts';

const backend = await createNatsBackend({ nodeId: 'b', servers: process.argv[2] ?? '', durable: {} });
createA2ARouter({ backend, acceptRemote: () => ({}) });
const handler = (): Promise<void> => {
  process.stdout.write('in hand\n');
  return new Promise(() => undefined);
};
await backend.openInbox('orders', handler, { ackWaitMs: 500, concurrency: 8 });
