import type { Clock, TimerHandle } from '../clock.ts';
import type { Connection } from '../contract/connection.ts';
import { AgentwireError } from '../errors.ts';
import type { Ping, Pong } from '../message/control.ts';
import type { Message } from '../message/message.ts';
import { OPTION, type OptionRows, resolveTypes } from '../option-table.ts';

/** Keepalive settings: detect a dead peer. */
export interface KeepaliveOptions {
  /** Silence after which a ping is sent, in milliseconds; default 10 000. */
  readonly intervalMs?: number;
  /** Time that the peer may then stay silent, in milliseconds; default 5 000. */
  readonly timeoutMs?: number;
}

const DAY_MS = 86_400_000;

/** Table of {@link KeepaliveOptions}. */
export const KEEPALIVE_TABLE: OptionRows<KeepaliveOptions> = {
  intervalMs: { check: OPTION.integer(1, DAY_MS), default: 10_000 },
  timeoutMs: { check: OPTION.integer(1, DAY_MS), default: 5_000 },
};

/** Creates the answer to a ping. */
export function pongOf({ sequence, timestampMs, echo }: Ping): Pong {
  return echo === undefined ? { type: 'pong', sequence, timestampMs } : { type: 'pong', sequence, timestampMs, echo };
}

/** Sends the pings of one session, numbered. */
export class PingSender {
  /** Sequence of the last ping; 0 before the first. */
  sequence = 0;
  readonly #clock: Clock;
  readonly #notify: (message: Message) => boolean;

  /** @param notify sends a message if the peer accepts it, and returns whether it did */
  constructor(clock: Clock, notify: (message: Message) => boolean) {
    this.#clock = clock;
    this.#notify = notify;
  }

  /** Sends a ping. @returns `false` if the peer accepts no pings */
  send(): boolean {
    this.sequence += 1;
    return this.#notify({ type: 'ping', sequence: this.sequence, timestampMs: this.#clock.wallNow() });
  }
}

/** Dependencies of {@link Keepalive}. */
export interface KeepaliveDeps {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly pings: PingSender;
  /** Returns how long the peer may be silent after a ping because it is busy with requests, in milliseconds. */
  readonly patienceMs?: () => number;
  /** Returns whether this side has stopped reading, so that silence says nothing about the peer. */
  readonly readingStopped?: () => boolean;
}

/** Pings a silent peer and ends the connection when it stays silent. Every received byte resets the silence. */
export class Keepalive {
  readonly #deps: KeepaliveDeps;
  readonly #intervalMs: number;
  readonly #timeoutMs: number;
  #timer: TimerHandle;
  #receivedBytes = 0;

  constructor(deps: KeepaliveDeps, options: KeepaliveOptions) {
    OPTION.nested(KEEPALIVE_TABLE)('keepalive', options);
    const { intervalMs, timeoutMs } = resolveTypes('', options, KEEPALIVE_TABLE);
    this.#deps = deps;
    this.#intervalMs = intervalMs;
    this.#timeoutMs = timeoutMs;
    this.#wait();
  }

  /** True if the peer was silent since the last check, as far as this side reads. */
  get #silent(): boolean {
    const { connection, readingStopped } = this.#deps;
    return connection.receivedBytes === this.#receivedBytes && readingStopped?.() !== true;
  }

  #wait(): void {
    this.#receivedBytes = this.#deps.connection.receivedBytes;
    this.#timer = this.#deps.clock.setTimeout(() => this.#check(), this.#intervalMs);
  }

  #check(): void {
    if (this.#deps.connection.status !== 'open') return;
    if (!this.#silent || !this.#ping()) return this.#wait();
    this.#judgeIn(this.#timeoutMs);
  }

  #judgeIn(ms: number): void {
    this.#timer = this.#deps.clock.setTimeout(() => this.#judge(), ms);
  }

  /** Sends a ping. @returns `false` if the peer accepts none: its silence is never judged */
  #ping(): boolean {
    try {
      return this.#deps.pings.send();
    } catch {
      // this runs in a timer; a silent peer that cannot even be sent a ping is judged all the same
      return true;
    }
  }

  #judge(): void {
    const { connection, patienceMs } = this.#deps;
    if (!this.#silent) return this.#wait();
    // asked again after a while: what the peer is busy with may end long before its deadline
    const patience = patienceMs?.() ?? 0;
    if (patience > 0) return this.#judgeIn(Math.min(patience, this.#timeoutMs));
    const why = `${connection.peer.name} did not answer a ping on ${connection.id}`;
    connection.abort(new AgentwireError('ERR_TIMEOUT', why));
  }

  /** Ends the checks. */
  stop(): void {
    this.#deps.clock.clearTimeout(this.#timer);
  }
}
