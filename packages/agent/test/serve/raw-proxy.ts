import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { createManualClock, type ManualClock } from '@agentwire/core/testing';
import { createTcpTransport, createUdsTransport } from '@agentwire/transport-uds';
import { onTestFinished } from 'vitest';
import { type Agent, type AgentServer, serveAgent } from '../../src/index.ts';

/** Encodes a frame: length, type, JSON. */
function frame(type: number, payload: unknown): Buffer {
  const bytes = Buffer.from(JSON.stringify(payload));
  const start = Buffer.alloc(5);
  start.writeUInt32BE(bytes.length + 1);
  start[4] = type;
  return Buffer.concat([start, bytes]);
}

const HELLOS = {
  zentinel: {
    supported_versions: [2],
    proxy_id: 'p',
    proxy_version: '1',
    config: null,
    supported_encodings: ['json'],
  },
  documented: { protocol_version: 2, client_name: 'p', supported_features: ['streaming'] },
};

/** Head of a request. */
function head(id: number, dialect: keyof typeof HELLOS): Buffer {
  const metadata = {
    correlation_id: `${id}`,
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
  return frame(0x10, {
    metadata,
    method: 'GET',
    uri: '/',
    headers: dialect === 'zentinel' ? {} : [],
    correlation_id: `${id}`,
    request_id: id,
  });
}

/** Completes an iteration of the event loop. */
export const iteration = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Third-party proxy that keeps its side open whatever the agent does. */
export interface RawProxy {
  readonly clock: ManualClock;
  readonly server: AgentServer;
  readonly socket: Socket;
  /** Types of the frames that have arrived, the handshake's included. */
  readonly types: number[];
  /** Sends the head of a request. */
  readonly send: (id: number) => void;
  /** Resolves once `count` frames have arrived. */
  readonly received: (count: number) => Promise<void>;
}

/** Serves `agent` on a clock that stands still and connects a raw proxy to it. */
export async function connectRawProxy(
  agent: Agent,
  { over = 'uds', dialect = 'zentinel' }: { over?: 'uds' | 'tcp'; dialect?: keyof typeof HELLOS } = {},
): Promise<RawProxy> {
  const folder = mkdtempSync(`${tmpdir()}/aw-`);
  const clock = createManualClock();
  const server = await serveAgent(agent, {
    transports: [createUdsTransport({ clock }), createTcpTransport({ clock })],
    listen: [over === 'uds' ? `unix:${folder}/a.sock` : 'tcp://127.0.0.1:0'],
    clock,
    drainTimeoutMs: 20_000,
  });
  const port = Number(new URL(server.endpoints[0] ?? '').port);
  const socket = connect({
    ...(over === 'uds' ? { path: `${folder}/a.sock` } : { port, host: '127.0.0.1' }),
    allowHalfOpen: true,
  });
  socket.on('error', () => undefined);
  const types: number[] = [];
  let pending = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 4 && pending.length >= 4 + pending.readUInt32BE(0)) {
      types.push(pending[4] as number);
      pending = pending.subarray(4 + pending.readUInt32BE(0));
    }
  });
  onTestFinished(async () => {
    socket.destroy();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const received = async (count: number): Promise<void> => {
    while (types.length < count) await iteration();
  };
  socket.write(frame(1, HELLOS[dialect]));
  await received(1);
  return { clock, server, socket, types, send: (id) => void socket.write(head(id, dialect)), received };
}
