import { AgentwireError, toAgentwireError } from '@agentwire/core';
import type { ChainManager } from '../chain/chain-manager.ts';
import type { KernelMessage } from '../message/message.ts';
import type { PendingRequest } from './pending-requests.ts';
import type { SendOutcome, SendPath } from './send-path.ts';
import type { SendReport } from './send-report.ts';

/** Puts messages of this node on their way, until the router is closed. */
export class Outgoing {
  readonly #path: SendPath;
  #closed = false;

  constructor(path: SendPath) {
    this.#path = path;
  }

  /** Sends a message; rejects with what stood in its way. */
  send(message: KernelMessage, chain: ChainManager | undefined): Promise<SendReport> {
    try {
      const outcome = this.dispatch(message, chain, undefined);
      return outcome instanceof Promise ? outcome : Promise.resolve(outcome);
    } catch (error) {
      return Promise.reject(toAgentwireError(error, 'ERR_HANDLER'));
    }
  }

  /** Sends a message, which `waiting` asks an answer for; throws what is known at once to stand in its way. */
  dispatch(message: KernelMessage, chain: ChainManager | undefined, waiting: PendingRequest | undefined): SendOutcome {
    this.checkOpen();
    if (message.fromNode !== undefined) {
      throw new AgentwireError(
        'ERR_INVALID_ARGUMENT',
        'a message with fromNode comes from the backend and is not sent again',
      );
    }
    return this.#path.dispatch(message, chain, waiting);
  }

  /** Throws `ERR_CLOSED` after the end. */
  checkOpen(): void {
    if (this.#closed) throw new AgentwireError('ERR_CLOSED', 'the router is closed');
  }

  /** Ends it; false if it has ended before. */
  close(): boolean {
    const open = !this.#closed;
    this.#closed = true;
    return open;
  }
}
