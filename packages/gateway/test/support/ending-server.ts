import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type Ending, ENDINGS } from './upstream-endings.ts';

/** Numbers from 0 to below `limit`, the same for the same seed. */
export type Random = (limit: number) => number;

/** Makes a {@link Random} (xorshift). */
export function randomOf(seed: number): Random {
  let state = Math.imul(seed + 1, 2_654_435_761) >>> 0 || 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % limit;
  };
}

/** Lengths of the bodies, in bytes. */
export const SIZES: readonly number[] = [5, 1_000, 70_000, 400_000];

const LONGEST = Buffer.from(
  Uint8Array.from({ length: Math.max(...SIZES) }, (_, at) => 97 + ((at * 7 + (at >> 8)) % 26)),
);

/** Returns a body of a length; each byte encodes its position. */
export function bodyOf(size: number): Buffer {
  return LONGEST.subarray(0, size);
}

/** Some turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let at = 0; at < count; at++) await new Promise((resolve) => setImmediate(resolve));
}

/** Sends all of it, in pieces of random length with turns of the event loop between some of them, and ends. */
async function play(socket: Socket, ending: Ending, body: Buffer, random: Random): Promise<void> {
  const all = Buffer.concat(ending.parts(body).map((part) => Buffer.from(part as string)));
  for (let at = 0; at < all.length && !socket.destroyed;) {
    const next = random(3) === 0 ? all.length : Math.min(all.length, at + 1 + random(all.length));
    if (!socket.write(all.subarray(at, next)))
      await new Promise<void>((resolve) => {
        const done = (): void => {
          socket.off('drain', done).off('close', done);
          resolve();
        };
        socket.on('drain', done).on('close', done);
      });
    at = next;
    await turns(random(4));
  }
  if (ending.end === 'FIN') socket.end();
  if (ending.end === 'RST') socket.resetAndDestroy();
}

/** An upstream that answers `…/NUMBER/SIZE/SEED` as the ending of that number does. */
export async function serveEndings(): Promise<{ origin: string; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let text = '';
    let ending = false;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
    socket.on('end', () => socket.end());
    socket.on('data', (part: Buffer) => {
      // as an upstream does that is going to end the connection
      if (ending) return;
      text += part.toString('latin1');
      const request = /^\S+ \S*\/(\d+)\/(\d+)\/(\d+) [^]*?\r\n\r\n/.exec(text);
      if (request === null) return;
      text = '';
      const [, number, size, seed] = request.map(Number) as [number, number, number, number];
      const found = ENDINGS[number];
      ending = found?.end !== undefined;
      if (found !== undefined) void play(socket, found, bodyOf(size), randomOf(seed));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
