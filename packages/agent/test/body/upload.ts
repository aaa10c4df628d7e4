import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Decision, Transport } from '@agentwire/core';
import { connectSession, type ProxySession } from '@agentwire/core/session';
import { createUdsTransport } from '@agentwire/transport-uds';
import { expect, onTestFinished } from 'vitest';
import { type AgentDefinition, allow, defineAgent, serveAgent } from '../../src/index.ts';
import { head } from '../events.ts';

const SELF = { role: 'proxy', name: 'proxy', version: '1', features: ['errors', 'slot_ids', 'cancellation'] } as const;
const { id: _, ...HEAD } = head(1);

/** Serves an agent until the test is over, and connects to it: over a Unix socket, or another `transport` at its `address`. */
export async function connectTo(
  definition: Partial<AgentDefinition>,
  transport: Transport = createUdsTransport(),
  address?: string,
): Promise<ProxySession> {
  const folder = mkdtempSync(join(tmpdir(), 'agentwire-bodies-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const agent = defineAgent({
    name: 'test',
    version: '1',
    onRequestHeaders: () => allow().needsMoreBody(),
    ...definition,
  });
  const server = await serveAgent(agent, {
    transports: [transport],
    listen: [address ?? `unix:${join(folder, 'a.sock')}`],
  });
  onTestFinished(() => server.close());
  const session = await connectSession(transport, server.endpoints[0] ?? '', {
    self: { ...SELF, encodings: ['msgpack'] },
  });
  onTestFinished(() => session.close());
  return session;
}

/**
 * Sends a body, as a proxy does that waits for each answer; gives it up where it has `givenUpAfter` pieces on their way.
 *
 * @returns what it passes on
 */
export async function sendBody(
  session: ProxySession,
  pieces: readonly Uint8Array[],
  { headers = [], givenUpAfter = Infinity }: { headers?: readonly string[]; givenUpAfter?: number } = {},
): Promise<Buffer> {
  const exchange = session.open();
  try {
    let decision: Decision = await exchange.ask({ ...HEAD, headers: [...HEAD.headers, ...headers] });
    const passed: Uint8Array[] = [];
    for (const [index, data] of pieces.entries()) {
      if (decision.needsMore !== true) {
        passed.push(data);
        continue;
      }
      const asked = exchange.ask({ type: 'requestBodyChunk', index, data, last: index === pieces.length - 1 });
      if (index + 1 === givenUpAfter) exchange.cancel();
      decision = await asked;
      expect(decision.verdict.type).toBe('allow');
      passed.push(decision.requestBodyMutation?.data ?? data);
    }
    return Buffer.concat(passed);
  } finally {
    exchange.end();
  }
}
