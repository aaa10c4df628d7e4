import type { Socket } from 'node:net';
import { AgentwireError, type ListenOptions, type TimerHandle } from '@agentwire/core';
import { type ListenLimits, resolveListenLimits } from '@agentwire/core/internal';
import { PendingPeer, type AcceptHost, type SocketCredential } from '../handshake/accept.ts';
import type { ResolvedStreamOptions } from '../options.ts';

/** Something that takes room before it is a connection. */
interface Pending {
  drop(error: AgentwireError): void;
}

/** Lets peers in: bounds unfinished handshakes and open connections, and gives every handshake its deadline. */
export class PeerGate {
  readonly #address: string;
  readonly #host: AcceptHost;
  readonly #limits: ListenLimits;
  // in the order they came, so that the first is the oldest
  readonly #pending = new Set<Pending>();
  #open = 0;

  /** @throws AgentwireError `ERR_INVALID_ARGUMENT` for a limit out of range. */
  constructor(name: string, address: string, options: ListenOptions, stream: ResolvedStreamOptions) {
    this.#limits = resolveListenLimits(options);
    this.#address = address;
    this.#host = { name, options, stream, takePlace: () => this.#takePlace() };
  }

  /** Open connections that came in here. */
  get connectionCount(): number {
    return this.#open;
  }

  /** Unfinished handshakes, refused peers that have not gone included. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  /** When a handshake that begins now must be done, on the transport's clock. */
  deadline(): number {
    return this.#host.stream.clock.now() + this.#limits.handshakeTimeoutMs;
  }

  /** Begins a handshake on a socket that can be written to. */
  admit(socket: Socket, credential: SocketCredential, deadlineMs: number = this.deadline()): void {
    const leave = this.enter({ drop: (error) => peer.drop(error) }, deadlineMs);
    const peer = new PendingPeer(this.#host, socket, credential, leave);
  }

  /** Takes room for something unfinished, from the oldest if there is none. @returns how to give it back. */
  enter(pending: Pending, deadlineMs: number): () => void {
    const [oldest] = this.#pending;
    if (oldest !== undefined && this.#pending.size >= this.#limits.maxPendingHandshakes) {
      oldest.drop(
        new AgentwireError(
          'ERR_OVERLOADED',
          `more than ${this.#limits.maxPendingHandshakes} unfinished handshakes on ${this.#address}, the oldest gave way`,
        ),
      );
    }
    this.#pending.add(pending);
    const { clock } = this.#host.stream;
    const timer: TimerHandle = clock.setTimeout(() => {
      pending.drop(
        new AgentwireError(
          'ERR_TIMEOUT',
          `the handshake on ${this.#address} was not finished within ${this.#limits.handshakeTimeoutMs} ms`,
        ),
      );
    }, deadlineMs - clock.now());
    return () => {
      clock.clearTimeout(timer);
      this.#pending.delete(pending);
    };
  }

  #takePlace(): () => void {
    if (this.#open >= this.#limits.maxConnections) {
      throw new AgentwireError('ERR_OVERLOADED', `${this.#address} has its ${this.#limits.maxConnections} connections`);
    }
    this.#open += 1;
    let taken = true;
    return () => {
      if (taken) this.#open -= 1;
      taken = false;
    };
  }

  /** Drops everything that is unfinished. */
  close(): void {
    const error = new AgentwireError('ERR_CONNECT', `${this.#address} was closed`);
    for (const pending of this.#pending) pending.drop(error);
  }
}
