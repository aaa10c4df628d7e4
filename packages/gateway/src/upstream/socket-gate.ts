import type { Socket } from 'node:net';

/**
 * Stops and resumes what a socket gives to its reader.
 *
 * The reader is undici's parser, which must never be paused itself: it asserts that it is not when the connection ends,
 * and an end that comes meanwhile ends the process. A stopped gate gives it nothing, the socket's own buffer fills up,
 * and the kernel's after it, so that the peer has to wait; the end comes after the data, in order.
 */
export class SocketGate {
  readonly socket: Socket;
  #stopped = false;
  /** Requests that were written to the socket. */
  requests = 0;
  /** Whether anything has come since the last request was written. */
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

  stop(): void {
    this.#stopped = true;
  }

  resume(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    // not at once: whoever resumes may have been called by the reader
    process.nextTick(announce, this.socket);
  }
}

function announce(socket: Socket): void {
  if (!socket.destroyed) socket.emit('readable');
}
