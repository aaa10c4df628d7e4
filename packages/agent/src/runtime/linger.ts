import type { Clock } from '@agentwire/core';

/** A caller that asks again within this time of the loop's going to sleep, in milliseconds, is worth staying awake for. */
const SOON_MS = 0.1;
/** So often in a row. */
const OFTEN = 8;
/** Turns of the event loop without an event that are stayed awake for, of some 2 µs each. */
const TURNS = 48;
/** An event within so many turns of the one before was sent before that was answered. */
const AT_ONCE = 3;

/**
 * Keeps the event loop from going to sleep for a moment after an event, where one caller asks one thing at a time.
 *
 * Such a caller asks again some 20 µs after its answer, and to sleep meanwhile and be woken costs both sides more than most
 * requests do. That it does is learned from the last gaps; the first moment in vain ends it, and so do events that do not
 * wait for each other's answers, which are better read together. So it is never more than a small part of the time that a
 * busy agent works anyway.
 */
export class Linger {
  readonly #clock: Clock;
  #awake = false;
  #came = false;
  #soon = 0;
  #idleTurns = 0;
  #sleptAt = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the loop is kept from going to sleep, or has not had its turn since the last event. */
  get awake(): boolean {
    return this.#awake;
  }

  /** An event came. */
  note(): void {
    this.#came = true;
    if (this.#awake) {
      if (this.#idleTurns < AT_ONCE) this.#soon = 0;
      return;
    }
    this.#awake = true;
    this.#soon = this.#clock.now() - this.#sleptAt < SOON_MS ? this.#soon + 1 : 0;
    setImmediate(this.#onTurn);
  }

  readonly #onTurn = (): void => {
    this.#idleTurns = this.#came ? 0 : this.#idleTurns + 1;
    this.#came = false;
    if (this.#idleTurns > TURNS) this.#soon = 0;
    if (this.#soon >= OFTEN) {
      setImmediate(this.#onTurn);
      return;
    }
    this.#awake = false;
    this.#sleptAt = this.#clock.now();
  };
}
