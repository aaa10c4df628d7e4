import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { netAddress } from '../relay/relay.ts';
import type { Cell } from './cell.ts';

/** Bytes that a proxy sends to connect; can be replayed on any number of connections. */
export async function recordOpening(cell: Cell, endpoint: string): Promise<Buffer> {
  const relay = await cell.relay(endpoint);
  relay.recording = true;
  const tracked = await cell.session(relay.endpoint, { keepalive: false });
  // what answers the other side's settings comes a moment later
  await sleep(20);
  const opening = Buffer.concat(relay.last?.recorded ?? []);
  await tracked.session.close();
  await relay.close();
  return opening;
}

/** A socket that says `opening`; resolves once something came back, or it is over. What comes is dropped. */
export async function dialRaw(endpoint: string, opening: Buffer): Promise<Socket> {
  const socket = connect(netAddress(endpoint));
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once('data', () => resolve()).once('close', () => resolve());
  socket.on('error', () => resolve()).resume();
  socket.write(opening);
  await promise;
  return socket;
}

/** A socket that says nothing yet; resolves once it is connected. */
export async function dialSilent(endpoint: string): Promise<Socket> {
  const socket = connect(netAddress(endpoint));
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.once('connect', () => resolve()).once('close', () => resolve());
  socket.on('error', () => resolve()).resume();
  await promise;
  return socket;
}
