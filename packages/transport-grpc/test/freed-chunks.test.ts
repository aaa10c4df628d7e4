import { freeMessage } from '@agentwire/core/internal';
import { connectSession, serveSessions } from '@agentwire/core/session';
import { expect, onTestFinished, test } from 'vitest';
import { createGrpcTransport } from '../src/index.ts';
import { AGENT, PROXY } from './support/peers.ts';

const LENGTHS = [70_000, 100, 20_000, 65_536, 5, 40_000, 17_000, 16_000];

test('a chunk is freed alone: those that came with it stay as they are', async () => {
  const got: Buffer[] = [];
  const freed: Uint8Array[] = [];
  const kept: Uint8Array[] = [];
  const transport = createGrpcTransport();
  const listener = await serveSessions(
    transport,
    'grpc://127.0.0.1:0',
    {
      onEvent(event) {
        if (event.type === 'requestBodyChunk') {
          got.push(Buffer.from(event.data));
          (event.index % 2 === 0 ? freed : kept).push(event.data);
          if (event.index % 2 === 0) freeMessage(event.data);
        }
        return { verdict: { type: 'allow' }, needsMore: true };
      },
    },
    { self: AGENT },
  );
  onTestFinished(() => listener.close());
  const session = await connectSession(transport, listener.address, { self: PROXY });
  onTestFinished(() => session.close());
  const exchange = session.open();
  const metadata = {
    correlationId: 'c',
    requestId: 'r',
    clientIp: '192.0.2.1',
    clientPort: 1,
    protocol: 'HTTP/1.1',
    timestamp: '2025-01-01T00:00:00Z',
  };
  await exchange.ask({ type: 'requestHeaders', method: 'POST', uri: '/', headers: [], hasBody: true, metadata });
  const pieces = LENGTHS.map((length, n) => Buffer.alloc(length, n + 1));
  const asked = pieces.map((data, index) => exchange.ask({ type: 'requestBodyChunk', index, data, last: false }));
  await Promise.all(asked);
  exchange.end();
  expect(got).toEqual(pieces);
  expect(kept.map((data) => Buffer.from(data))).toEqual(pieces.filter((_, n) => n % 2 === 1));
  expect(freed[0]?.byteLength).toBe(0);
});
