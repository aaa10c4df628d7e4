import { silentLogger } from '@agentwire/core/internal';
import { createManualClock } from '@agentwire/core/testing';
import { expect, test } from 'vitest';
import { allow, defineAgent } from '../../src/index.ts';
import { AgentRuntime } from '../../src/runtime/agent-runtime.ts';
import { MAX_STORED_BYTES } from '../../src/zentinel/request-store.ts';
import { EncodingConnection } from './encoding-connection.ts';
import { head, response, settled } from '../events.ts';
import { RELEASED } from '../fake-connection.ts';

const options = { clock: createManualClock(), logger: silentLogger };
const LONG = 1024 * 1024;

function serve(kind: 'async' | 'state' | 'sync' | 'response') {
  const agent = defineAgent({
    name: 'test',
    version: '1',
    maxTrackedRequests: 100_000,
    onRequestHeaders({ uri }, context) {
      if (kind === 'state') context.state = {};
      return kind === 'async' || uri === '/late' ? Promise.resolve(allow()) : allow();
    },
    responseBody: true,
    onResponseHeaders: () => allow(),
    onRequestComplete() {},
  });
  const runtime = new AgentRuntime(agent, { ...options, challengeFallback: 'none' });
  return { runtime, connection: new EncodingConnection(runtime, { ...RELEASED, name: 'some-proxy' }, options) };
}

test.each(['async', 'state'] as const)(
  'heads that are stored as objects have the limit in bytes too (%s)',
  async (kind) => {
    const { runtime, connection } = serve(kind);
    for (let i = 0; i < 300; i++) connection.receive(head(`${i}`, { headers: ['x-long', 'x'.repeat(LONG)] }));
    await settled();
    const most = MAX_STORED_BYTES / LONG;
    expect(runtime.scopes.tracked).toBeLessThan(most);
    expect(runtime.scopes.tracked).toBeGreaterThan(most - 3);
  },
);

test('one limit is for objects and the compact cache together, and the oldest are evicted first', async () => {
  const { runtime, connection } = serve('sync');
  for (let i = 0; i < 40; i++) connection.receive(head(`a${i}`, { headers: ['x-long', 'x'.repeat(200_000)] }));
  options.clock.advance(1);
  for (let i = 0; i < 250; i++)
    connection.receive(head(`o${i}`, { uri: '/late', headers: ['x-long', 'x'.repeat(LONG)] }));
  await settled();
  expect(runtime.scopes.tracked).toBeLessThan(250 + 30);
  expect(runtime.scopes.tracked).toBeGreaterThan(250);
});

test("a response's head counts with its request's", async () => {
  const { runtime, connection } = serve('async');
  for (let i = 0; i < 300; i++) connection.receive(head(`${i}`));
  await settled();
  expect(runtime.scopes.tracked).toBe(300);
  for (let i = 0; i < 300; i++) {
    options.clock.advance(1);
    connection.receive({ ...response(`${i}`), headers: ['x-long', 'x'.repeat(LONG)] });
  }
  await settled();
  expect(runtime.scopes.tracked).toBeLessThan(MAX_STORED_BYTES / LONG);
});
