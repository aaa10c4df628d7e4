import type { Socket } from 'node:net';
import { freeMemory } from '@agentwire/core/internal';
import type { Deadlines, Watched } from '../deadlines.ts';

/** Time for the rest after one side has ended, in milliseconds. */
const CLOSE_MS = 5_000;

/** The part of it after which `onLate` is called, in milliseconds. */
const LATE_MS = 1_000;

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
  /** Called once where both sides have not closed {@link LATE_MS} after one has ended. */
  onLate: (() => void) | undefined;
  /** Resolves when what was read of a socket has been passed; that is at once where it is not set. */
  passed: ((from: Socket) => Promise<void>) | undefined;
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
      if (this.passed === undefined) other.destroySoon();
      else void this.passed(one).then(() => other.destroySoon());
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
    if (now >= this.#endsAt - CLOSE_MS + LATE_MS) {
      const { onLate } = this;
      this.onLate = undefined;
      onLate?.();
    }
    if (now < this.#endsAt && now - this.#since < this.#idleTimeoutMs) return;
    this.ends();
    this.client.destroy();
    this.upstream.destroy();
  }
}

/**
 * Passes what one socket reads to the other. A chunk that was written at once is freed: left to the garbage collector, chunks made it
 * collect the whole heap every 3 000 messages of 4 KiB (`node tools/bench/src/main.ts --http --stack =gateway-web-sockets`).
 */
function pass(from: Socket, to: Socket): void {
  from.on('data', (chunk: Uint8Array) => {
    // what comes after the end of the other side is discarded
    if (!to.writable) return;
    if (!to.write(chunk)) from.pause();
    else if (to.writableLength === 0) freeMemory(chunk);
  });
  from.once('end', () => to.end());
  to.on('drain', () => from.resume());
  if (!to.writableNeedDrain) from.resume();
}

/** Passes bytes both ways as fast as either side reads, unread by the gateway. */
export function passThrough({ client, upstream }: SocketPair, early: Uint8Array): void {
  if (early.byteLength > 0) upstream.write(early);
  pass(client, upstream);
  pass(upstream, client);
}
