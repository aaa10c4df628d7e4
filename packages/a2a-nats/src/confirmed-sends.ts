import type { Clock } from '@agentwire/core';

interface Send {
  readonly at: number;
  readonly replyTo: string | undefined;
  isTaken: boolean;
}

/** Milliseconds for which a send is remembered: its sender does not wait longer for a confirmation. */
const KEPT_MS = 10_000;
const MAX_SENDS = 10_000;

/** Sends of other nodes that wait for a confirmation, so that one which was lost is sent again, and one of a send that never came is not waited for. */
export class ConfirmedSends {
  readonly #clock: Clock;
  readonly #sends = new Map<string, Send>();
  /** Time until which a send may have been forgotten that its sender still waits for. */
  #unsureUntil = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Sends that are remembered. */
  get size(): number {
    return this.#sends.size;
  }

  /** Notes a send that a process may get. */
  add(source: string, id: string, replyTo: string | undefined): void {
    const now = this.#clock.now();
    for (const [key, { at }] of this.#sends) {
      const isOld = now - at >= KEPT_MS;
      if (!isOld && this.#sends.size < MAX_SENDS) break;
      if (!isOld) this.#unsureUntil = now + KEPT_MS;
      this.#sends.delete(key);
    }
    this.#sends.set(keyOf(source, id), { at: now, replyTo, isTaken: false });
  }

  /** Notes that a process has it. */
  taken(source: string, id: string): void {
    const send = this.#sends.get(keyOf(source, id));
    if (send !== undefined) send.isTaken = true;
  }

  /** Forgets one that no process got. */
  refused(source: string, id: string): void {
    this.#sends.delete(keyOf(source, id));
  }

  /** Gives what is known of a send: a process has it, and the subject of its confirmation; it may get it still; or no process has it. */
  find(source: string, id: string): { readonly state: 'taken' | 'unsure' | 'absent'; readonly replyTo?: string } {
    const send = this.#sends.get(keyOf(source, id));
    if (send === undefined) return { state: this.#clock.now() < this.#unsureUntil ? 'unsure' : 'absent' };
    if (!send.isTaken) return { state: 'unsure' };
    return { state: 'taken', ...(send.replyTo !== undefined && { replyTo: send.replyTo }) };
  }
}

function keyOf(source: string, id: string): string {
  return `${source.length} ${source}${id}`;
}
