import type { Socket } from 'node:net';
import type { HeaderList } from '@agentwire/core';
import { isValidHeaderName, isValidHeaderValue } from '@agentwire/headers';
import { ContinueFilter } from './continue-filter.ts';
import type { ConnectionGate } from './upstream-messages.ts';

/** End of a chunked body without trailers, as undici writes it in one piece. */
const LAST_CHUNK = '\r\n0\r\n\r\n';

/** Returns a chunked body's end with trailers. */
function lastChunkWith(trailers: HeaderList): string {
  let lines = '';
  for (let at = 0; at < trailers.length; at += 2) {
    const [name = '', value = ''] = [trailers[at], trailers[at + 1]];
    if (isValidHeaderName(name) && isValidHeaderValue(value)) lines += `${name}: ${value}\r\n`;
  }
  return `\r\n0\r\n${lines}\r\n`;
}

/**
 * Stops and resumes the reads of a socket.
 *
 * The reader is undici's parser, which must never be paused itself: it asserts that it is not paused when the connection ends,
 * and the failed assertion ends the process. Reads of a stopped gate return nothing, so that the buffers of socket and kernel
 * fill up and the peer has to wait; the end is read after the data, in order.
 */
export class SocketGate implements ConnectionGate {
  readonly socket: Socket;
  /** undici's parser reads a copy. */
  readonly ownsChunks = true;
  readonly #continues = new ContinueFilter();
  #stopped = false;
  #trailers: (() => HeaderList) | undefined;
  /** Requests that were written to the socket. */
  requests = 0;
  /** `true` once bytes came since the last request was written. */
  heard = false;

  constructor(socket: Socket) {
    this.socket = socket;
    const read = socket.read.bind(socket);
    socket.read = (size?: number): unknown => {
      if (this.#stopped) return null;
      const chunk = read(size) as Buffer | null;
      if (chunk !== null) {
        if (!this.heard) this.#continues.begin();
        this.heard = true;
        this.#continues.pass(chunk);
      }
      return chunk;
    };
  }

  get unsentBytes(): number {
    return this.socket.destroyed ? Infinity : this.socket.writableLength;
  }

  /** Sends trailers after the body of the request that is written next, if it is sent in chunks; undici has no option for them. */
  trailWith(trailers: (() => HeaderList) | undefined): void {
    this.#trailers = trailers;
    if (trailers === undefined || Object.hasOwn(this.socket, 'write')) return;
    const write = this.socket.write.bind(this.socket) as (...args: unknown[]) => boolean;
    this.socket.write = (chunk: unknown, ...rest: unknown[]): boolean => {
      const made = chunk === LAST_CHUNK ? this.#trailers?.() : undefined;
      return write(made === undefined ? chunk : lastChunkWith(made), ...rest);
    };
  }

  /** Leaves the socket as it was before. */
  remove(): void {
    this.#stopped = false;
    Reflect.deleteProperty(this.socket, 'read');
    Reflect.deleteProperty(this.socket, 'write');
  }

  stop(): void {
    this.#stopped = true;
  }

  resume(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    // not at once: the reader itself may have called this
    process.nextTick(announce, this.socket);
  }
}

function announce(socket: Socket): void {
  if (!socket.destroyed) socket.emit('readable');
}
