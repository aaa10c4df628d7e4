import type { Socket } from 'node:net';
import type { Pending, PendingTable } from './pending-table.ts';

const keyOf = (socket: Socket): string => `${socket.remoteAddress ?? ''}|${socket.remotePort ?? ''}`;

/** Sockets of a TLS listener whose TLS handshake is not finished; after it their session is what waits. */
export class RawSockets {
  readonly #table: PendingTable;
  readonly #waiting = new Map<string, Pending>();

  constructor(table: PendingTable) {
    this.#table = table;
  }

  /** A socket came in. */
  add(socket: Socket): void {
    const key = keyOf(socket);
    const pending = this.#table.add(() => socket.destroy());
    this.#waiting.set(key, pending);
    socket.once('close', () => {
      pending.done();
      if (this.#waiting.get(key) === pending) this.#waiting.delete(key);
    });
  }

  /** Its TLS handshake is done. */
  finish(socket: Socket): void {
    const key = keyOf(socket);
    this.#waiting.get(key)?.done();
    this.#waiting.delete(key);
  }
}
