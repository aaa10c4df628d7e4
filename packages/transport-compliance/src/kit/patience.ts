import assert from 'node:assert/strict';
import { AgentwireError, type ErrorCode } from '@agentwire/core';
import { settle, until } from './wait.ts';

/** Ways to wait and to expect failures, all of which know what they wait for. */
export class Patience {
  /** What the case waits for, for the message of a case that hangs. */
  waitingFor = 'its first step';
  /** Aborted when the case has taken too long. */
  protected readonly signal: AbortSignal;

  /** @param signal aborted when the case has taken too long */
  protected constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /** Waits until `condition` holds; `what` names it if it never does. */
  async until(what: string, condition: () => boolean): Promise<void> {
    this.waitingFor = what;
    await until(condition, this.signal);
    this.waitingFor = 'the next step';
  }

  /** Awaits `promise`; `what` names it if it never settles. */
  async settled<T>(what: string, promise: PromiseLike<T>): Promise<T> {
    this.waitingFor = what;
    const value = await promise;
    this.waitingFor = 'the next step';
    return value;
  }

  /** Lets everything that is on its way arrive. */
  settle(): Promise<void> {
    return settle();
  }

  /** Asserts that `promise` rejects with an AgentwireError of one of `codes`, and gives it. */
  async rejects(what: string, promise: Promise<unknown>, ...codes: readonly ErrorCode[]): Promise<AgentwireError> {
    const error = await this.settled(
      what,
      promise.then(
        () => undefined,
        (reason: unknown) => reason ?? new Error('rejected with nothing'),
      ),
    );
    assert.ok(error !== undefined, `${what} succeeded, ${codes.join(' or ')} expected`);
    return assertCode(what, error, codes);
  }

  /** Asserts that `action` throws an AgentwireError of one of `codes`, and gives it. */
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
    codes.includes(error.code),
    `${what} failed with ${error.code} (${error.message}), ${codes.join(' or ')} expected`,
  );
  return error;
}
