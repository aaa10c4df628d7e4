import { toAgentwireError, type Hello, type ListenOptions } from '@agentwire/core';

/** A peer that wants in and is not yet let in; it ends once, by {@link fail} or by what `authorize` says. */
export class Handshake {
  readonly #controller = new AbortController();
  readonly #outcome: PromiseWithResolvers<void> = Promise.withResolvers<void>();

  /** Settles when the peer may come in, or rejects with why not. */
  get allowed(): Promise<void> {
    return this.#outcome.promise;
  }

  /** Ends it now; what `authorize` says later meets nobody. */
  fail(error: Error): void {
    this.#outcome.reject(error);
    this.#controller.abort(error);
  }

  /** Asks `authorize`, if there is one. */
  async ask(options: ListenOptions, hello: Hello, address: string): Promise<void> {
    try {
      await options.authorize?.(hello, { token: hello.token, address }, this.#controller.signal);
      this.#outcome.resolve();
    } catch (error) {
      this.#outcome.reject(toAgentwireError(error, 'ERR_UNAUTHORIZED'));
    }
  }
}
