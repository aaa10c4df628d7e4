import {
  Admission,
  negotiate,
  AgentwireError,
  toAgentwireError,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  type MediumTraits,
} from '@agentwire/core';
import { MemoryConnection } from './memory-connection.ts';
import type { ResolvedMemoryOptions } from './options.ts';
import { MicrotaskQueue } from './microtask-queue.ts';

/** A name that can be dialled. */
export class MemoryListener implements Listener {
  readonly address: string;
  readonly admission: Admission;
  readonly #listen: ListenOptions;
  readonly #memory: ResolvedMemoryOptions;
  readonly #medium: MediumTraits;
  readonly #onClosed: () => void;

  constructor(address: string, listen: ListenOptions, memory: ResolvedMemoryOptions, onClosed: () => void) {
    this.address = address;
    this.admission = new Admission(listen, memory.clock, address);
    this.#listen = listen;
    this.#memory = memory;
    this.#onClosed = onClosed;
    const { ids, maxMessageBytes } = memory;
    this.#medium = { dialect: 'documented', encoding: 'memory', ids, maxMessageBytes };
  }

  get connectionCount(): number {
    return this.admission.connectionCount;
  }

  /** Makes the connection, the listening side first; nothing is delivered before both have their handlers. */
  join(options: ConnectOptions): MemoryConnection {
    const peers = [
      negotiate(options.self, this.#listen.self, this.#medium),
      negotiate(this.#listen.self, options.self, this.#medium),
    ] as const;
    const leave = this.admission.enter();
    const { clock, closeTimeoutMs } = this.#memory;
    const common = { clock, closeTimeoutMs, queue: new MicrotaskQueue() };
    const dialled = new MemoryConnection({ ...common, peer: peers[0] });
    const accepted = new MemoryConnection({ ...common, peer: peers[1], onEnded: leave });
    MemoryConnection.join(dialled, accepted);
    openOrDrop(accepted, () => accepted.open(this.#listen.onConnection), 'ERR_REFUSED', `${this.address} refused`);
    openOrDrop(dialled, () => dialled.open(options.onConnection), 'ERR_HANDLER', 'onConnection');
    accepted.start();
    dialled.start();
    return dialled;
  }

  close(): Promise<void> {
    this.#onClosed();
    this.admission.close();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function openOrDrop(
  connection: MemoryConnection,
  open: () => void,
  code: 'ERR_REFUSED' | 'ERR_HANDLER',
  context: string,
): void {
  try {
    open();
  } catch (error) {
    const known = toAgentwireError(error, code);
    connection.abort(known);
    throw new AgentwireError(known.code, `${context}: ${known.message}`, { cause: error });
  }
}
