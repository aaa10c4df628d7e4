import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { createAgentPool } from 'agentwire/pool';
import { createUdsTransport } from 'agentwire/transport-uds';
import { expect, onTestFinished, test } from 'vitest';

const metadata = {
  correlationId: 'c',
  requestId: 'r',
  clientIp: '::1',
  clientPort: 1,
  protocol: 'HTTP/1.1',
  timestamp: '',
};
const head = { type: 'requestHeaders', metadata, method: 'GET', uri: '/', headers: [], hasBody: false } as const;

const frame = (type: number, payload: string, length = Buffer.byteLength(payload) + 1): Buffer => {
  const start = Buffer.alloc(5);
  start.writeUInt32BE(length);
  start[4] = type;
  return Buffer.concat([start, Buffer.from(payload)]);
};

/** An agent that takes six events and then does what the test says. */
async function agentThat(act: (socket: Socket) => void): Promise<string> {
  const folder = mkdtempSync(`${tmpdir()}/aw-`);
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    let events = 0;
    let held = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      for (let end = 0; held.length >= 4; held = held.subarray(end)) {
        end = 4 + held.readUInt32BE(0);
        if (held.length < end) return;
        if (held[4] === 1) {
          const capabilities = { supports_streaming: true, supported_events: [1] };
          socket.write(frame(2, JSON.stringify({ protocol_version: 2, agent_name: 'a', capabilities })));
        } else if (held[4] === 0x10 && (events += 1) === 6) act(socket);
      }
    });
  });
  const path = `${folder}/a.sock`;
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  });
  return `unix:${path}`;
}

test.each([
  ['a frame of the wrong direction', 'block', (socket: Socket) => void socket.write(frame(0x10, '{}'))],
  ['a frame over the limit', 'block', (socket: Socket) => void socket.write(frame(0x20, '', 2 ** 31))],
  ['an end', 'allow', (socket: Socket) => void socket.end()],
])('%s makes every request that waits there a %s where only unavailable is open', async (_, verdict, act) => {
  const address = await agentThat(act);
  const pool = createAgentPool({ transports: [createUdsTransport()], connectionsPerAgent: 1 });
  onTestFinished(() => pool.close());
  await pool.addAgent('a', address, { onFailure: { unavailable: 'open', default: 'closed' } });
  const decisions = await Promise.all(Array.from({ length: 6 }, (__, id) => pool.decide('a', { ...head, id })));
  expect(decisions.map((decision) => decision.verdict.type)).toEqual(Array.from({ length: 6 }, () => verdict));
  const kinds = decisions.map((decision) => decision.audit?.custom?.['kind']);
  expect(new Set(decisions.map(({ audit }) => audit?.reasonCodes?.[0]))).toEqual(new Set(['agentwire:ERR_CLOSED']));
  expect(new Set(kinds)).toEqual(new Set([verdict === 'block' ? 'protocol' : 'unavailable']));
});

test('a request that finds no connection after that is judged by what ended the last one', async () => {
  const address = await agentThat((socket) => socket.write(frame(0x10, '{}')));
  const reconnect = { initialMs: 60_000, maxMs: 60_000 };
  const pool = createAgentPool({ transports: [createUdsTransport()], connectionsPerAgent: 1, reconnect });
  onTestFinished(() => pool.close());
  await pool.addAgent('a', address, { onFailure: { unavailable: 'open', default: 'closed' } });
  await Promise.all(Array.from({ length: 6 }, (__, id) => pool.decide('a', { ...head, id })));
  const { verdict } = await pool.decide('a', { ...head, id: 7 });
  expect(verdict.type).toBe('block');
});
