import { AgentwireError } from '@agentwire/core';
import type { ReverseClient } from './reverse-client.ts';

/** Registered connections that wait to be accepted, and the callers that wait for one. */
export class Backlog {
  readonly #limit: number;
  readonly #waiting = new Set<ReverseClient>();
  readonly #acceptors = new Set<() => void>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Returns why no other connection may wait; `undefined` if one may. */
  full(): string | undefined {
    if (this.#waiting.size < this.#limit) return undefined;
    return `${this.#limit} registered connections wait already (backlog)`;
  }

  add(client: ReverseClient): void {
    this.#waiting.add(client);
  }

  /** Forgets a connection that has ended. */
  delete(client: ReverseClient): void {
    this.#waiting.delete(client);
  }

  /** Takes the connection that has waited longest. */
  take(): ReverseClient | undefined {
    const [client] = this.#waiting;
    if (client !== undefined) this.#waiting.delete(client);
    return client;
  }

  /** Lets every waiting caller look again. */
  wake(): void {
    for (const wake of this.#acceptors) wake();
  }

  /** Ends the connections that wait. */
  async close(): Promise<void> {
    await Promise.all([...this.#waiting].map(({ connection }) => connection.close()));
  }

  /** Waits for {@link wake}. @throws AgentwireError `ERR_ABORTED` when `signal` is aborted */
  async arrival(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void =>
      reject(new AgentwireError('ERR_ABORTED', 'accept() was aborted', { cause: signal?.reason }));
    const wake = (): void => resolve();
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#acceptors.add(wake);
    try {
      await promise;
    } finally {
      this.#acceptors.delete(wake);
      signal?.removeEventListener('abort', onAbort);
    }
  }
}
