import type { Server } from 'node:net';
import type { Listener, Logger } from '@agentwire/core';
import { bindError } from '../stream/errors.ts';
import type { PeerGate } from './peer-gate.ts';

/** What a {@link StreamListener} is made from. */
export interface StreamListenerSetup {
  readonly address: string;
  readonly server: Server;
  readonly gate: PeerGate;
  readonly logger: Logger;
  /** Removes what binding left behind. */
  readonly cleanUp?: () => void;
}

/** A bound server whose peers go through a {@link PeerGate}. */
export class StreamListener implements Listener {
  readonly address: string;
  readonly #setup: StreamListenerSetup;
  #closed = false;

  constructor(setup: StreamListenerSetup) {
    this.address = setup.address;
    this.#setup = setup;
    // a failed accept, for want of file descriptors for example, is no reason to stop listening
    setup.server.on('error', (error) => {
      const { code, message } = bindError(error, this.address);
      setup.logger.error({ code }, `a connection could not be accepted: ${message}`);
    });
  }

  get connectionCount(): number {
    return this.#setup.gate.connectionCount;
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      const { server, gate, cleanUp } = this.#setup;
      // its callback waits for all connections, which live on; listening ends at once
      server.close();
      cleanUp?.();
      gate.close();
    }
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** Starts listening. @throws what the system says, when the address cannot be bound. */
export function startListening(
  server: Server,
  where: { path: string } | { host: string; port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
