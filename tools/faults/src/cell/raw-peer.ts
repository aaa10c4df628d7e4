import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  connect as connectTls,
  type ConnectionOptions,
  createServer as createTlsServer,
  type TlsOptions,
} from 'node:tls';
import { parseEndpoint } from '@agentwire/core';
import { certificates } from '../../../../packages/transport-uds/test/certificates/certificates.ts';
import { changeFrames } from '../relay/messages.ts';
import { netAddress } from '../relay/relay.ts';
import { giveOrder } from '../reverse/control.ts';
import { freeAddress, ordersOf } from '../reverse/reversed-transport.ts';
import type { Cell } from './cell.ts';

/** Bytes that a proxy sends to connect; can be replayed on any number of connections. */
export async function recordOpening(cell: Cell, endpoint: string): Promise<Buffer> {
  const relay = await cell.relay(endpoint, { plain: true });
  relay.recording = true;
  const tracked = await cell.session(relay.endpoint, { keepalive: false });
  // what answers the other side's settings comes a moment later
  await sleep(20);
  const opening = Buffer.concat(relay.last?.recorded ?? []);
  await tracked.session.close();
  await relay.close();
  return opening;
}

/** A socket to an agent: dialled, or where the agent dials, the one that it opens to a proxy that says nothing. */
async function openSocket(endpoint: string): Promise<Socket> {
  const { scheme } = parseEndpoint(endpoint);
  if (scheme === 'tls') return connectTls({ ...certificates, ...netAddress(endpoint) } as ConnectionOptions);
  if (!scheme.startsWith('rev-')) return connect(netAddress(endpoint));
  const address = freeAddress(endpoint, tmpdir());
  const isTls = scheme === 'rev-tls';
  const server = isTls ? createTlsServer(certificates as TlsOptions) : createServer();
  const arrived = Promise.withResolvers<Socket>();
  if (isTls) server.once('secureConnection', arrived.resolve);
  // where TLS fails, because the agent gave up, it is over
  server.once('connection', (socket) => {
    if (isTls) socket.once('close', () => arrived.resolve(socket)).on('error', () => undefined);
    else arrived.resolve(socket);
  });
  server.once('error', arrived.reject);
  await new Promise<void>((resolve) => {
    server.listen(netAddress(address), resolve);
  });
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? `:${bound.port}` : '';
  giveOrder(ordersOf(endpoint), { dial: address.replace(/:0$/, port), id: 'raw' }).catch(() => undefined);
  const socket = await arrived.promise;
  server.close();
  return socket;
}

/** Types of a ping and its answer in the documented dialect. */
const [PING, PONG] = [0xf0, 0xf1];

/**
 * Answers the pings that come over a raw socket of frames, until the result is called: an agent ends a connection that is silent for 15 s,
 * and a machine with other work may take longer to open a thousand.
 */
export function answerPings(socket: Socket): () => void {
  const read = changeFrames((type, payload) => {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(payload.length + 1);
    head[4] = PONG;
    if (type === PING) socket.write(Buffer.concat([head, payload]));
    return payload;
  });
  socket.on('data', read);
  return () => void socket.off('data', read);
}

/** A socket that says `opening`; resolves once something came back, or it is over. What comes is dropped. */
export async function dialRaw(endpoint: string, opening: Buffer): Promise<Socket> {
  const socket = await openSocket(endpoint);
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once('data', () => resolve()).once('close', () => resolve());
  socket.on('error', () => resolve()).resume();
  socket.write(opening);
  await promise;
  return socket;
}

/** A socket that says nothing yet; resolves once it is connected. */
export async function dialSilent(endpoint: string): Promise<Socket> {
  const socket = await openSocket(endpoint);
  const { promise, resolve } = Promise.withResolvers<void>();
  if (!socket.connecting) resolve();
  socket.once('connect', () => resolve()).once('close', () => resolve());
  socket.on('error', () => resolve()).resume();
  await promise;
  return socket;
}
