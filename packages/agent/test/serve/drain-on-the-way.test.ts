import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allow, defineAgent, serveAgent } from '@agentwire/agent';
import { type AgentwireError, FEATURES, type Transport } from '@agentwire/core';
import { connectSession } from '@agentwire/core/session';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { createUdsTransport } from '@agentwire/transport-uds';
import { expect, onTestFinished, test } from 'vitest';
import { head } from '../events.ts';

test.each<[string, () => Transport]>([
  ['memory', () => createMemoryTransport()],
  ['uds', () => createUdsTransport()],
])('a drain answers what is on its way to the agent (%s)', async (kind, create) => {
  const folder = mkdtempSync(join(tmpdir(), 'drain-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const transport = create();
  const agent = defineAgent({ name: 'waf', version: '1', onRequestHeaders: () => allow() });
  const address = kind === 'uds' ? `unix:${join(folder, 'agent.sock')}` : 'memory:drained';
  const server = await serveAgent(agent, { transports: [transport], listen: [address] });
  const self = { role: 'proxy' as const, name: 'p', version: '1', features: FEATURES, encodings: ['json'] };
  const session = await connectSession(transport, address, { self });
  const asked = Array.from({ length: 1_000 }, () =>
    session.request(head(0)).then(
      () => 'answered',
      (error: AgentwireError) => error.code,
    ),
  );
  const drained = server.drain();
  expect(new Set(await Promise.all(asked))).toEqual(new Set(['answered']));
  await drained;
  expect(session.connection.status).toBe('closed');
});
