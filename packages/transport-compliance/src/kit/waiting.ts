import assert from 'node:assert/strict';
import { AgentwireError, systemClock, type ErrorCode } from '@agentwire/core';
import { delay } from '@agentwire/core/internal';

/** Event-loop turns in which a message passes between two ends in one process, with plenty to spare. */
const SETTLE_TURNS = 30;
/** Event-loop turns to wait at full speed before waiting a millisecond between checks. */
const BUSY_TURNS = 200;
/** Real time in milliseconds, and turns of the event loop, after which something that should be over counts as left behind. */
const SOON_MS = 1000;
const SOON_TURNS = 500;

/** One turn of the event loop, sockets included. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Ways to wait and to expect failures; each records what it waits for, for the message of a case that hangs. */
export class Waiting {
  /** Names what the case waits for. */
  waitingFor = 'its first step';
  readonly #signal: AbortSignal;

  /** @param signal aborted when the case has taken too long */
  protected constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Waits until `condition` holds; `what` names it for a case that hangs. */
  async until(what: string, condition: () => boolean): Promise<void> {
    this.waitingFor = what;
    for (let turns = 0; !condition(); turns += 1) await this.#pause(turns);
    this.waitingFor = 'the next step';
  }

  /** Waits about a second until `left` gives `undefined`; then fails with the text that it gives. */
  async gone(left: () => string | undefined | Promise<string | undefined>): Promise<void> {
    const from = systemClock.now();
    for (let turns = 0; ; turns += 1) {
      const what = await left();
      if (what === undefined) break;
      if (turns > SOON_TURNS && systemClock.now() - from > SOON_MS) assert.fail(what);
      this.waitingFor = `an end to this: ${what}`;
      await this.#pause(turns);
    }
    this.waitingFor = 'the next step';
  }

  async #pause(turns: number): Promise<void> {
    this.#signal.throwIfAborted();
    await (turns < BUSY_TURNS ? turn() : delay(systemClock, 1));
  }

  /** Awaits `promise`; `what` names it for a case that hangs. */
  async settled<T>(what: string, promise: PromiseLike<T>): Promise<T> {
    this.waitingFor = what;
    const value = await promise;
    this.waitingFor = 'the next step';
    return value;
  }

  /** Gives everything that is on its way time to arrive; for cases in which nothing may arrive. */
  async settle(): Promise<void> {
    for (let turns = 0; turns < SETTLE_TURNS; turns += 1) await turn();
  }

  /** Asserts that `promise` rejects with an AgentwireError, of one of `codes` unless there are none, and returns it. */
  async rejects(what: string, promise: Promise<unknown>, ...codes: readonly ErrorCode[]): Promise<AgentwireError> {
    const error = await this.settled(
      what,
      promise.then(
        () => undefined,
        (reason: unknown) => reason ?? new Error('rejected with nothing'),
      ),
    );
    assert.ok(error !== undefined, `${what} succeeded, ${codes.join(' or ') || 'an error'} expected`);
    return assertCode(what, error, codes);
  }

  /** Asserts that `action` throws an AgentwireError of one of `codes`, and returns it. */
  throws(what: string, action: () => unknown, ...codes: readonly ErrorCode[]): AgentwireError {
    try {
      action();
    } catch (error) {
      return assertCode(what, error, codes);
    }
    return assert.fail(`${what} did not throw, ${codes.join(' or ')} expected`);
  }
}

function assertCode(what: string, error: unknown, codes: readonly ErrorCode[]): AgentwireError {
  assert.ok(error instanceof AgentwireError, `${what} failed with ${String(error)}, an AgentwireError expected`);
  assert.ok(
    codes.length === 0 || codes.includes(error.code),
    `${what} failed with ${error.code} (${error.message}), ${codes.join(' or ')} expected`,
  );
  return error;
}
