import { AgentwireError, type Clock, type TimerHandle } from '@agentwire/core';
import type { GateDecision } from '../gate/gate.ts';
import { gateDecision } from '../gate/gate.ts';
import { judgeAnswer } from '../gate/judge-answer.ts';
import type { KernelMessage } from '../message/message.ts';

interface Parked {
  readonly message: KernelMessage;
  readonly timer: TimerHandle;
  readonly settle: (decision: GateDecision) => void;
}

/** Messages that a gate deferred and that wait for a decision. */
export class ParkedMessages {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #timeoutMs: number;
  readonly #parked = new Map<string, Parked>();

  constructor(clock: Clock, limit: number, timeoutMs: number) {
    this.#clock = clock;
    this.#limit = limit;
    this.#timeoutMs = timeoutMs;
  }

  /** The messages that wait, oldest first. */
  list(): KernelMessage[] {
    return [...this.#parked.values()].map(({ message }) => message);
  }

  /** Parks a message until it is decided; a denial once `timeoutMs` is over or when there is no room. */
  park(message: KernelMessage): Promise<GateDecision> {
    if (this.#parked.size >= this.#limit)
      return Promise.resolve(gateDecision.deny(`${this.#limit} messages are parked already`));
    if (this.#parked.has(message.id))
      return Promise.resolve(gateDecision.deny('a message with that id is parked already'));
    return new Promise((settle) => {
      const timer = this.#clock.setTimeout(
        () => this.resolve(message.id, gateDecision.deny('no decision came in time')),
        this.#timeoutMs,
      );
      this.#parked.set(message.id, { message, timer, settle });
    });
  }

  /**
   * Decides about a parked message; false if none has that id. What cannot be read is a denial, as from a gate.
   *
   * @throws AgentwireError `ERR_INVALID_ARGUMENT`
   */
  resolve(messageId: string, given: GateDecision): boolean {
    const decision = judgeAnswer(given);
    if (decision.kind === 'defer')
      throw new AgentwireError('ERR_INVALID_ARGUMENT', 'a parked message is permitted or denied');
    const parked = this.#parked.get(messageId);
    if (parked === undefined) return false;
    this.#parked.delete(messageId);
    this.#clock.clearTimeout(parked.timer);
    parked.settle(decision);
    return true;
  }

  /** Drops a parked message whose sender does not wait for it any more; false if none has that id. */
  withdraw(messageId: string): boolean {
    return this.#parked.has(messageId) && this.resolve(messageId, gateDecision.deny('the request has ended'));
  }

  /** Denies everything. */
  close(): void {
    for (const id of this.#parked.keys()) this.resolve(id, gateDecision.deny('the router was closed'));
  }
}
