import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { createManualClock, type ManualClock } from '@agentwire/core/testing';
import { createUdsTransport } from '@agentwire/transport-uds';
import { expect, onTestFinished, test } from 'vitest';
import { type AgentServer, allow, defineAgent, serveAgent } from '../../src/index.ts';

const frame = (type: number, payload: unknown): Buffer => {
  const bytes = Buffer.from(JSON.stringify(payload));
  const start = Buffer.alloc(5);
  start.writeUInt32BE(bytes.length + 1);
  start[4] = type;
  return Buffer.concat([start, bytes]);
};
const hello = {
  supported_versions: [2],
  proxy_id: 'p',
  proxy_version: '1',
  config: null,
  supported_encodings: ['json'],
};
const head = (id: string): Buffer => {
  const metadata = {
    correlation_id: id,
    request_id: 'r',
    client_ip: '::1',
    client_port: 1,
    server_name: null,
    protocol: 'HTTP/1.1',
    tls_version: null,
    tls_cipher: null,
    route_id: null,
    upstream_id: null,
    timestamp: '2026-01-01T00:00:00Z',
  };
  return frame(0x10, { metadata, method: 'GET', uri: '/', headers: {}, correlation_id: id });
};
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Talk {
  readonly clock: ManualClock;
  readonly server: AgentServer;
  readonly socket: Socket;
  readonly counts: { frames: number; asked: number };
  /** Asks and waits for the answer. */
  readonly ask: (id: string) => Promise<void>;
}

/** A proxy of the zentinel dialect that keeps its side open whatever the agent does. */
async function talk(): Promise<Talk> {
  const folder = mkdtempSync(`${tmpdir()}/aw-`);
  const clock = createManualClock();
  const counts = { frames: 0, asked: 0 };
  const agent = defineAgent({
    name: 'a',
    version: '1',
    onRequestHeaders() {
      counts.asked += 1;
      return allow();
    },
  });
  const server = await serveAgent(agent, {
    transports: [createUdsTransport()],
    listen: [`unix:${folder}/a.sock`],
    clock,
    drainTimeoutMs: 20_000,
  });
  const socket = connect({ path: `${folder}/a.sock`, allowHalfOpen: true });
  socket.on('error', () => undefined);
  let held = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    for (; held.length >= 4 && held.length >= 4 + held.readUInt32BE(0); counts.frames += 1)
      held = held.subarray(4 + held.readUInt32BE(0));
  });
  onTestFinished(() => {
    socket.destroy();
    rmSync(folder, { recursive: true, force: true });
  });
  socket.write(frame(1, hello));
  while (counts.frames < 1) await turn();
  const ask = async (id: string): Promise<void> => {
    const wanted = counts.frames + 1;
    socket.write(head(id));
    while (counts.frames < wanted) await turn();
  };
  return { clock, server, socket, counts, ask };
}

test('a proxy that knows no drain is answered until nothing has come for a second, then dropped', async () => {
  const { clock, server, socket, ask } = await talk();
  await ask('1');
  const gone = new Promise((resolve) => socket.once('close', resolve));
  let ended = false;
  const closing = server.close().then(() => (ended = true));
  for (let late = 0; late < 5; late += 1) {
    await turn();
    clock.advance(250);
    await turn();
    clock.advance(250);
    await ask(`late-${late}`);
  }
  expect(ended).toBe(false);
  for (let looks = 0; looks < 5; looks += 1) {
    await turn();
    clock.advance(250);
  }
  await closing;
  socket.end();
  await gone;
});

test('one that never stops asking is dropped after drainTimeoutMs', async () => {
  const { clock, server, ask } = await talk();
  await ask('1');
  let ended = false;
  const closing = server.close().then(() => (ended = true));
  for (let late = 0; late < 79; late += 1) {
    await ask(`late-${late}`);
    await turn();
    clock.advance(250);
  }
  expect(ended).toBe(false);
  clock.advance(250);
  await closing;
});
