import { once } from 'node:events';
import assert from 'node:assert/strict';
import { MessageChannel, Worker } from 'node:worker_threads';
import { connectSession } from '@agentwire/core/session';
import { createWorkerTransport } from './index.ts';

const { port1: dial, port2: accept } = new MessageChannel();
const worker = new Worker(new URL('agent-worker.ts', import.meta.url), {
  workerData: { accept },
  transferList: [accept],
});
await once(dial, 'message');

const session = await connectSession(createWorkerTransport({ dial }), 'worker:guard', {
  self: { role: 'proxy', name: 'demo', version: '1.0.0', features: [], encodings: [] },
});
const metadata = { correlationId: '1', requestId: '1', clientIp: '127.0.0.1', clientPort: 0, protocol: 'HTTP/1.1' };
for (const [uri, expected] of [
  ['/', 'allow'],
  ['/admin', 'block'],
] as const) {
  const { verdict } = await session.request({
    type: 'requestHeaders',
    metadata: { ...metadata, timestamp: new Date().toISOString() },
    method: 'GET',
    uri,
    headers: ['host', 'localhost'],
    hasBody: false,
  });
  assert.equal(verdict.type, expected);
  process.stdout.write(`${uri}: ${verdict.type}\n`);
}
await session.close();
dial.close();
await worker.terminate();
