import type { Clock } from '../clock.ts';
import { AgentwireError, toAgentwireError } from '../errors.ts';
import type { Credential, Hello } from './peer.ts';
import { type ListenLimits, resolveListenLimits } from './transport-options.ts';
import type { ListenOptions } from './transport.ts';

/** A peer on its way in; it ends once: by {@link authorize} resolving, by {@link fail}, or by its deadline. */
export class PendingPeer {
  readonly #options: ListenOptions;
  readonly #forget: (peer: PendingPeer) => void;
  readonly #controller = new AbortController();
  readonly #outcome: PromiseWithResolvers<void> = Promise.withResolvers<void>();

  /** Made by {@link Admission.begin}. */
  constructor(options: ListenOptions, forget: (peer: PendingPeer) => void) {
    this.#options = options;
    this.#forget = forget;
    this.#outcome.promise.catch(() => undefined);
  }

  /** Aborted, with the error, when the peer has failed: what the medium holds for it can go. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Asks `ListenOptions.authorize`, if there is one. Rejects with why not, also when {@link fail} was called. */
  authorize(hello: Hello, credential: Credential): Promise<void> {
    void this.#ask(hello, credential);
    return this.#outcome.promise;
  }

  async #ask(hello: Hello, credential: Credential): Promise<void> {
    try {
      await this.#options.authorize?.(hello, credential, this.#controller.signal);
      this.#outcome.resolve();
    } catch (error) {
      this.#outcome.reject(toAgentwireError(error, 'ERR_UNAUTHORIZED'));
    }
  }

  /** Ends it now: it left, it was refused, or it made a mistake. What `authorize` says later meets nobody. */
  fail(error: AgentwireError): void {
    this.#forget(this);
    this.#outcome.reject(error);
    this.#controller.abort(error);
  }

  /** It is in, or it was told why not: its deadline means nothing any more. Idempotent. */
  done(): void {
    this.#forget(this);
  }
}

/**
 * The bookkeeping of a listener: unfinished handshakes with their deadlines and their bound, and the number of open
 * connections with theirs. A transport's listener holds one, and so need not repeat these rules.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` when a number in the options is out of range.
 */
export class Admission {
  readonly #options: ListenOptions;
  readonly #clock: Clock;
  readonly #limits: ListenLimits;
  // in the order they came, so that the first is the oldest
  readonly #pending = new Map<PendingPeer, unknown>();
  #connections = 0;
  #closed = false;

  constructor(options: ListenOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#limits = resolveListenLimits(options);
  }

  /** Connections that came in and are open. */
  get connectionCount(): number {
    return this.#connections;
  }

  /** A peer knocks: its deadline starts, and the oldest unfinished one gives way if there are too many. */
  begin(): PendingPeer {
    const [oldest] = this.#pending.keys();
    if (oldest !== undefined && this.#pending.size >= this.#limits.maxPendingHandshakes) {
      oldest.fail(
        new AgentwireError(
          'ERR_OVERLOADED',
          `more than ${this.#limits.maxPendingHandshakes} unfinished handshakes, the oldest gave way`,
        ),
      );
    }
    const peer = new PendingPeer(this.#options, (gone) => {
      this.#clock.clearTimeout(this.#pending.get(gone));
      this.#pending.delete(gone);
    });
    const timer = this.#clock.setTimeout(() => {
      peer.fail(
        new AgentwireError('ERR_TIMEOUT', `the handshake was not finished in ${this.#limits.handshakeTimeoutMs} ms`),
      );
    }, this.#limits.handshakeTimeoutMs);
    this.#pending.set(peer, timer);
    return peer;
  }

  /**
   * Counts one connection in; call {@link leave} when it ends.
   *
   * @throws AgentwireError `ERR_CONNECT` when closed, `ERR_OVERLOADED` when there are as many as may be.
   */
  enter(): void {
    if (this.#closed) throw new AgentwireError('ERR_CONNECT', 'the listener was closed');
    if (this.#connections >= this.#limits.maxConnections) {
      throw new AgentwireError('ERR_OVERLOADED', `refused: all ${this.#limits.maxConnections} connections are taken`);
    }
    this.#connections += 1;
  }

  /** Counts one connection out. */
  leave(): void {
    this.#connections -= 1;
  }

  /** Fails every unfinished handshake and lets nobody in any more. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const peer of this.#pending.keys()) peer.fail(new AgentwireError('ERR_CONNECT', 'the listener was closed'));
  }
}
