import type { Clock, TimerHandle } from '../clock.ts';
import type { Connection } from '../contract/connection.ts';
import { AgentwireError } from '../errors.ts';
import { OPTION, type OptionTable } from '../option-table.ts';

/** How a session finds out that its peer is gone without a word. */
export interface KeepaliveOptions {
  /** Silence after which a ping is sent, in milliseconds; default 10 000. */
  readonly intervalMs?: number;
  /** How long the peer may then stay silent, in milliseconds; default 5 000. */
  readonly timeoutMs?: number;
}

/** What {@link KeepaliveOptions} default to. */
const KEEPALIVE_DEFAULTS: Required<KeepaliveOptions> = { intervalMs: 10_000, timeoutMs: 5_000 };

const DAY_MS = 86_400_000;

/** The check of every option in {@link KeepaliveOptions}. */
export const KEEPALIVE_TABLE: OptionTable<KeepaliveOptions> = {
  intervalMs: OPTION.integer(1, DAY_MS),
  timeoutMs: OPTION.integer(1, DAY_MS),
};

/** Checks options and fills in defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option. */
function resolveKeepalive(options: KeepaliveOptions): Required<KeepaliveOptions> {
  OPTION.nested(KEEPALIVE_TABLE)('keepalive', options);
  const { intervalMs, timeoutMs } = KEEPALIVE_DEFAULTS;
  return { intervalMs: options.intervalMs ?? intervalMs, timeoutMs: options.timeoutMs ?? timeoutMs };
}

/** What {@link Keepalive} asks its session. */
export interface KeepaliveSubject {
  readonly connection: Connection;
  readonly clock: Clock;
  /** Sends a ping if this peer may be pinged. @returns whether it did. */
  sendPing(): boolean;
  /** How long the peer may be silent after a ping because it is busy with requests, in milliseconds. */
  patienceMs(): number;
  /** Whether this side reads nothing at the moment, so that silence says nothing of the peer. */
  held?(): boolean;
}

/** Pings a silent peer and ends the connection when it stays silent. Every received byte counts as life. */
export class Keepalive {
  readonly #subject: KeepaliveSubject;
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  #timer: TimerHandle;
  #seen = 0;

  constructor(subject: KeepaliveSubject, options: KeepaliveOptions) {
    this.#subject = subject;
    const { intervalMs, timeoutMs } = resolveKeepalive(options);
    this.#intervalMs = intervalMs;
    this.#timeoutMs = timeoutMs;
    this.#rest();
  }

  get #held(): boolean {
    return this.#subject.held?.() === true;
  }

  #rest(): void {
    this.#seen = this.#subject.connection.receivedBytes;
    this.#timer = this.#subject.clock.setTimeout(() => this.#check(), this.#intervalMs);
  }

  #check(): void {
    const { connection, clock } = this.#subject;
    if (connection.status !== 'open') return;
    if (connection.receivedBytes !== this.#seen || this.#held || !this.#pinged()) {
      this.#rest();
      return;
    }
    this.#timer = clock.setTimeout(() => this.#judge(), Math.max(this.#timeoutMs, this.#subject.patienceMs()));
  }

  #pinged(): boolean {
    try {
      return this.#subject.sendPing();
    } catch {
      // this runs in a timer; a peer that is silent and cannot even be sent a ping is judged all the same
      return true;
    }
  }

  #judge(): void {
    const { connection } = this.#subject;
    if (connection.receivedBytes !== this.#seen || this.#held) this.#rest();
    else
      connection.abort(
        new AgentwireError('ERR_TIMEOUT', `${connection.peer.name} did not answer a ping on ${connection.id}`),
      );
  }

  /** Stops for good. */
  stop(): void {
    this.#subject.clock.clearTimeout(this.#timer);
  }
}
