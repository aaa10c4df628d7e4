import type { Socket } from 'node:net';
import { AgentwireError, type PendingPeer } from '@agentwire/core';
import type { Acceptor } from './acceptor.ts';

/** Names a TCP connection for as long as it lives. */
function nameOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
}

/**
 * Sockets of a server that are not links yet: each counts as a pending handshake from its first byte on, during its TLS
 * handshake and its HTTP upgrade.
 */
export class PendingSockets {
  readonly #acceptor: Acceptor;
  readonly #pending = new Map<string, PendingPeer>();

  constructor(acceptor: Acceptor) {
    this.#acceptor = acceptor;
  }

  /** Registers a socket that a server has just accepted; drops it when the acceptor does. */
  add(socket: Socket): void {
    const name = nameOf(socket);
    const pending = this.#acceptor.begin(() => socket.destroy());
    this.#pending.set(name, pending);
    socket.once('close', () => {
      if (this.#pending.delete(name)) pending.fail(new AgentwireError('ERR_CLOSED', 'the peer left in the handshake'));
    });
  }

  /** Takes out the pending peer of a socket, or of the TLS socket on top of it; `undefined` if it has left. */
  take(socket: Socket): PendingPeer | undefined {
    const name = nameOf(socket);
    const pending = this.#pending.get(name);
    this.#pending.delete(name);
    return pending;
  }
}
