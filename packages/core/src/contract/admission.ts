import { type Clock, delay, type TimerHandle } from '../clock.ts';
import { AgentwireError, toAgentwireError } from '../errors.ts';
import type { Credential, Hello } from './peer.ts';
import { type ListenLimits, resolveListenLimits } from './transport-options.ts';
import type { ListenOptions } from './transport.ts';

/**
 * Pending handshake of one peer, made by {@link Admission.begin}. It occupies a slot and has a deadline until {@link done} or
 * {@link fail}; at the deadline, on eviction and when the listener closes, it fails and {@link onDrop} is called.
 */
export class PendingPeer {
  /** Closes the medium: called once, if the listener gives up the peer. May be replaced when the handshake moves on. */
  onDrop: ((error: AgentwireError) => void) | undefined;
  readonly #admission: Admission;
  readonly #options: ListenOptions;
  readonly #controller = new AbortController();
  readonly #authorized: PromiseWithResolvers<void> = Promise.withResolvers<void>();

  /** Use {@link Admission.begin}. */
  constructor(admission: Admission, options: ListenOptions, onDrop: ((error: AgentwireError) => void) | undefined) {
    this.#admission = admission;
    this.#options = options;
    this.onDrop = onDrop;
    this.#authorized.promise.catch(() => undefined);
  }

  /** Aborted with the error when the peer is refused or has failed; `authorize` gets it. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * Calls `ListenOptions.authorize`, if given.
   *
   * @throws AgentwireError `ERR_UNAUTHORIZED` or the error of `authorize`; the error of {@link refuse} or {@link fail} if
   * that comes first
   */
  authorize(hello: Hello, credential: Credential): Promise<void> {
    void this.#authorize(hello, credential);
    return this.#authorized.promise;
  }

  async #authorize(hello: Hello, credential: Credential): Promise<void> {
    try {
      await this.#options.authorize?.(hello, credential, this.signal);
      this.#authorized.resolve();
    } catch (error) {
      const refusal = toAgentwireError(error, 'ERR_UNAUTHORIZED');
      await this.hold(refusal, credential.address);
      this.#authorized.reject(refusal);
    }
  }

  /**
   * Keeps a peer that will be refused waiting for `ListenOptions.refusalDelayMs`; {@link authorize} does so by itself. Call it before
   * {@link refuse} or {@link fail} where the opening could not be read.
   *
   * @param address where the peer is, if that is known
   * @returns undefined where there is no delay, else a promise that resolves after it, or when the peer fails
   */
  hold(refusal: AgentwireError, address: string | undefined): Promise<void> | undefined {
    return this.#admission.hold(this, this.#options.refusalDelayMs?.(refusal, address) ?? 0);
  }

  /**
   * Fails the handshake and keeps its slot and deadline until {@link done}: for a medium that still has to deliver the
   * refusal. A later result of `authorize` is ignored. Idempotent.
   */
  refuse(error: AgentwireError): void {
    this.#authorized.reject(error);
    this.#controller.abort(error);
  }

  /** Fails the handshake (disconnect, protocol error) and releases its slot. Idempotent. */
  fail(error: AgentwireError): void {
    this.done();
    this.refuse(error);
  }

  /** Ends the handshake: connected, or the medium of a refused peer is closed. Idempotent. */
  done(): void {
    this.#admission.forget(this);
  }
}

/** Refused peers that wait for their refusal at a time; past it the oldest one is dropped. */
const MAX_HELD = 512;

/**
 * Admission of peers to one listener: pending handshakes with their deadlines and limit, and open connections with theirs.
 * Every transport's listener uses one.
 */
export class Admission {
  readonly #options: ListenOptions;
  readonly #clock: Clock;
  readonly #where: string;
  readonly #limits: ListenLimits;
  /** Timers of pending handshakes, oldest first. */
  readonly #pending = new Map<PendingPeer, TimerHandle>();
  /** Those of peers that wait for their refusal: they leave the slots of pending handshakes to others. */
  readonly #held = new Map<PendingPeer, TimerHandle>();
  #connections = 0;
  #closed = false;

  /**
   * @param where name of the listener in errors, usually its address
   * @throws AgentwireError `ERR_INVALID_ARGUMENT` when a number in the options is out of range.
   */
  constructor(options: ListenOptions, clock: Clock, where = 'the listener') {
    this.#options = options;
    this.#clock = clock;
    this.#where = where;
    this.#limits = resolveListenLimits(options);
  }

  /** Open connections that came in here. */
  get connectionCount(): number {
    return this.#connections;
  }

  /** Pending handshakes, refused peers whose medium is still open included, except those that are held. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Peers that `ListenOptions.refusalDelayMs` holds, until their medium is closed. */
  get heldCount(): number {
    return this.#held.size;
  }

  /**
   * Registers a pending handshake and starts its timeout; evicts the oldest one at `maxPendingHandshakes`.
   *
   * @param onDrop closes the medium; see {@link PendingPeer.onDrop}
   */
  begin(onDrop?: (error: AgentwireError) => void): PendingPeer {
    const { handshakeTimeoutMs, maxPendingHandshakes } = this.#limits;
    const [oldest] = this.#pending.keys();
    if (oldest !== undefined && this.#pending.size >= maxPendingHandshakes) {
      const why = `${this.#where} has ${maxPendingHandshakes} pending handshakes, its limit: the oldest was dropped`;
      this.#drop(oldest, new AgentwireError('ERR_OVERLOADED', why));
    }
    const peer = new PendingPeer(this, this.#options, onDrop);
    const timer = this.#clock.setTimeout(() => {
      const why = `the handshake on ${this.#where} was not finished within ${handshakeTimeoutMs} ms`;
      this.#drop(peer, new AgentwireError('ERR_TIMEOUT', why));
    }, handshakeTimeoutMs);
    this.#pending.set(peer, timer);
    return peer;
  }

  /** Waits without a slot, but with the deadline of the handshake; use {@link PendingPeer.hold}. */
  hold(peer: PendingPeer, waitMs: number): Promise<void> | undefined {
    const deadline = this.#pending.get(peer);
    if (!(waitMs > 0) || deadline === undefined) return undefined;
    const [oldest] = this.#held.keys();
    if (oldest !== undefined && this.#held.size >= MAX_HELD) {
      const why = `${this.#where} holds ${MAX_HELD} refused peers, its limit: the oldest was dropped`;
      this.#drop(oldest, new AgentwireError('ERR_OVERLOADED', why));
    }
    this.#pending.delete(peer);
    this.#held.set(peer, deadline);
    return delay(this.#clock, waitMs, peer.signal).catch(() => undefined);
  }

  /** Releases the slot of a pending handshake; use {@link PendingPeer.done}. */
  forget(peer: PendingPeer): void {
    this.#clock.clearTimeout(this.#pending.get(peer) ?? this.#held.get(peer));
    this.#pending.delete(peer);
    this.#held.delete(peer);
  }

  #drop(peer: PendingPeer, error: AgentwireError): void {
    peer.fail(error);
    peer.onDrop?.(error);
  }

  /**
   * Takes a connection slot.
   *
   * @returns a function that releases the slot; idempotent
   * @throws AgentwireError `ERR_CONNECT` once closed, `ERR_OVERLOADED` at `maxConnections`.
   */
  enter(): () => void {
    if (this.#closed) throw new AgentwireError('ERR_CONNECT', `${this.#where} was closed`);
    const { maxConnections } = this.#limits;
    if (this.#connections >= maxConnections)
      throw new AgentwireError('ERR_OVERLOADED', `${this.#where} has ${maxConnections} connections, its limit`);
    this.#connections += 1;
    let open = true;
    return () => {
      if (open) this.#connections -= 1;
      open = false;
    };
  }

  /** Drops every pending handshake and admits no more connections. Idempotent. */
  close(): void {
    this.#closed = true;
    const error = new AgentwireError('ERR_CONNECT', `${this.#where} was closed`);
    for (const peer of [...this.#pending.keys(), ...this.#held.keys()]) this.#drop(peer, error);
  }
}
