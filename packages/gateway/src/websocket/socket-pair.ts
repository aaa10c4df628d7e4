import type { Socket } from 'node:net';
import type { Deadlines, Watched } from '../deadlines.ts';

/** Time for the rest after one side has ended, in milliseconds. */
const CLOSE_MS = 5_000;

/** Settings of a {@link SocketPair}. */
export interface SocketPairDeps {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly deadlines: Deadlines;
  /** Time without a byte from either side, in milliseconds. */
  readonly idleTimeoutMs: number;
}

/** Connections of one WebSocket: both end when one does, and when nothing comes for too long. */
export class SocketPair implements Watched {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly #deadlines: Deadlines;
  readonly #idleTimeoutMs: number;
  readonly #closed = Promise.withResolvers<void>();
  /** Bytes read before, without those that are still to be taken. */
  readonly #before: { readonly client: number; readonly upstream: number };
  #seenBytes = -1;
  #since: number;
  #endsAt = Infinity;
  /** `true` where the client's connection was lost before either side had ended. */
  clientLeft = false;

  constructor({ client, upstream, deadlines, idleTimeoutMs }: SocketPairDeps) {
    this.client = client;
    this.upstream = upstream;
    this.#deadlines = deadlines;
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#since = deadlines.now();
    this.#before = { client: client.bytesRead, upstream: upstream.bytesRead - upstream.readableLength };
    client.setTimeout(0);
    upstream.setTimeout(0);
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    client.once('close', () => {
      this.clientLeft = this.#endsAt === Infinity;
    });
    this.#join(client, upstream);
    this.#join(upstream, client);
    deadlines.add(this);
  }

  #join(one: Socket, other: Socket): void {
    one.on('error', () => one.destroy());
    one.once('end', () => this.ends());
    one.once('close', () => {
      this.ends();
      other.destroySoon();
      // a socket that is not read has no end
      other.resume();
      if (this.client.closed && this.upstream.closed) this.#over();
    });
    if (one.destroyed) process.nextTick(() => other.destroySoon());
  }

  #over(): void {
    this.#deadlines.delete(this);
    this.#closed.resolve();
  }

  /** Resolves when both connections are closed. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Bytes that came from the client. */
  get clientBytes(): number {
    return this.client.bytesRead - this.#before.client;
  }

  /** Bytes that came from the upstream. */
  get upstreamBytes(): number {
    return this.upstream.bytesRead - this.#before.upstream;
  }

  /** Starts the time after which what is left is cut. */
  ends(): void {
    if (this.#endsAt === Infinity) this.#endsAt = this.#deadlines.now() + CLOSE_MS;
  }

  check(now: number): void {
    const bytes = this.client.bytesRead + this.upstream.bytesRead;
    if (bytes !== this.#seenBytes) {
      this.#seenBytes = bytes;
      this.#since = now;
    }
    if (now < this.#endsAt && now - this.#since < this.#idleTimeoutMs) return;
    this.ends();
    this.client.destroy();
    this.upstream.destroy();
  }
}

/** Passes bytes both ways as fast as either side reads, unread by the gateway. */
export function passThrough({ client, upstream }: SocketPair, early: Uint8Array): void {
  if (early.byteLength > 0) upstream.write(early);
  client.pipe(upstream);
  upstream.pipe(client);
  // the pipe stops reading a client whose upstream has ended
  upstream.once('finish', () => client.resume());
  client.once('finish', () => upstream.resume());
}
