import type { Socket } from 'node:net';
import type { ConnectionGate } from './upstream-messages.ts';

/**
 * Stops and resumes the reads of a socket.
 *
 * The reader is undici's parser, which must never be paused itself: it asserts that it is not paused when the connection ends,
 * and the failed assertion ends the process. Reads of a stopped gate return nothing, so that the buffers of socket and kernel
 * fill up and the peer has to wait; the end is read after the data, in order.
 */
export class SocketGate implements ConnectionGate {
  readonly socket: Socket;
  #stopped = false;
  /** Requests that were written to the socket. */
  requests = 0;
  /** `true` once bytes came since the last request was written. */
  heard = false;

  constructor(socket: Socket) {
    this.socket = socket;
    const read = socket.read.bind(socket);
    socket.read = (size?: number): unknown => {
      if (this.#stopped) return null;
      const chunk: unknown = read(size);
      if (chunk !== null) this.heard = true;
      return chunk;
    };
  }

  get unsentBytes(): number {
    return this.socket.destroyed ? Infinity : this.socket.writableLength;
  }

  /** Leaves the socket as it was before. */
  remove(): void {
    this.#stopped = false;
    Reflect.deleteProperty(this.socket, 'read');
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
