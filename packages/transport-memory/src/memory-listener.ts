import {
  agree,
  AgentwireError,
  checkInteger,
  DEFAULT_HANDSHAKE_TIMEOUT_MS,
  DEFAULT_MAX_CONNECTIONS,
  DEFAULT_MAX_PENDING_HANDSHAKES,
  toAgentwireError,
  type ConnectOptions,
  type Hello,
  type Listener,
  type ListenOptions,
  type Medium,
} from '@agentwire/core';
import { Handshake } from './handshake.ts';
import { MemoryConnection } from './memory-connection.ts';
import type { ResolvedMemoryOptions } from './options.ts';
import { Turns } from './turns.ts';

/** A name that can be dialled, with its unfinished handshakes and a count of its connections. */
export class MemoryListener implements Listener {
  readonly address: string;
  readonly #listen: ListenOptions;
  readonly #memory: ResolvedMemoryOptions;
  readonly #medium: Medium;
  readonly #onClosed: () => void;
  readonly #handshakeTimeoutMs: number;
  readonly #maxPending: number;
  readonly #maxConnections: number;
  // in the order they came in, so that the first is the oldest
  readonly #pending = new Set<Handshake>();
  #open = 0;
  #closed = false;

  constructor(address: string, listen: ListenOptions, memory: ResolvedMemoryOptions, onClosed: () => void) {
    const { handshakeTimeoutMs, maxPendingHandshakes, maxConnections } = listen;
    this.address = address;
    this.#listen = listen;
    this.#memory = memory;
    this.#onClosed = onClosed;
    this.#handshakeTimeoutMs = checkInteger(
      'handshakeTimeoutMs',
      handshakeTimeoutMs ?? DEFAULT_HANDSHAKE_TIMEOUT_MS,
      1,
      86_400_000,
    );
    this.#maxPending = checkInteger(
      'maxPendingHandshakes',
      maxPendingHandshakes ?? DEFAULT_MAX_PENDING_HANDSHAKES,
      1,
      65_536,
    );
    this.#maxConnections = checkInteger('maxConnections', maxConnections ?? DEFAULT_MAX_CONNECTIONS, 1, 1_000_000);
    this.#medium = {
      dialect: 'documented',
      encoding: 'memory',
      ids: memory.ids,
      maxMessageBytes: memory.maxMessageBytes,
    };
  }

  get connectionCount(): number {
    return this.#open;
  }

  /** Begins a handshake; await its `allowed`, then {@link join}. @throws AgentwireError where the two cannot agree. */
  admit(hello: Hello): Handshake {
    agree(this.#listen.self, hello, this.#medium);
    const handshake = new Handshake();
    const [oldest] = this.#pending;
    if (oldest !== undefined && this.#pending.size >= this.#maxPending) {
      // at once: the next peer may come in the same tick
      this.#pending.delete(oldest);
      oldest.fail(
        new AgentwireError(
          'ERR_OVERLOADED',
          `more than ${this.#maxPending} unfinished handshakes on ${this.address}, the oldest gave way`,
        ),
      );
    }
    this.#pending.add(handshake);
    const timer = this.#memory.clock.setTimeout(() => {
      handshake.fail(
        new AgentwireError(
          'ERR_TIMEOUT',
          `${this.address} did not finish the handshake in ${this.#handshakeTimeoutMs} ms`,
        ),
      );
    }, this.#handshakeTimeoutMs);
    const done = (): void => {
      this.#memory.clock.clearTimeout(timer);
      this.#pending.delete(handshake);
    };
    handshake.allowed.then(done, done);
    void handshake.ask(this.#listen, hello, this.address);
    return handshake;
  }

  /** Makes the connection, the listening side first; nothing is delivered before both have their handlers. */
  join(options: ConnectOptions): MemoryConnection {
    if (this.#closed) throw new AgentwireError('ERR_CONNECT', `${this.address} was closed`);
    if (this.#open >= this.#maxConnections) {
      throw new AgentwireError(
        'ERR_OVERLOADED',
        `${this.address} refused: it has its ${this.#maxConnections} connections`,
      );
    }
    const { clock, closeTimeoutMs } = this.#memory;
    const common = { clock, closeTimeoutMs, turns: new Turns() };
    const dialled = new MemoryConnection({ ...common, peer: agree(options.self, this.#listen.self, this.#medium) });
    const accepted = new MemoryConnection({
      ...common,
      peer: agree(this.#listen.self, options.self, this.#medium),
      onEnded: () => {
        this.#open -= 1;
      },
    });
    MemoryConnection.join(dialled, accepted);
    this.#open += 1;
    openOrDrop(accepted, () => accepted.open(this.#listen.onConnection), 'ERR_REFUSED', `${this.address} refused`);
    openOrDrop(dialled, () => dialled.open(options.onConnection), 'ERR_HANDLER', 'onConnection');
    accepted.start();
    dialled.start();
    return dialled;
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#onClosed();
      for (const handshake of this.#pending)
        handshake.fail(new AgentwireError('ERR_CONNECT', `${this.address} was closed`));
    }
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
