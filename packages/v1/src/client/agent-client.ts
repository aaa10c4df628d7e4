import { AgentwireError, type Decision, type ProxyEvent } from '@agentwire/core';
import { Link } from './link.ts';
import { type AgentClientOptions, type ResolvedClientOptions, resolveClientOptions } from './options.ts';

/** Options of one event. */
export interface SendEventOptions {
  /** Cancels with `ERR_ABORTED`. */
  readonly signal?: AbortSignal;
  /** Timeout of the answer in milliseconds; default the client's `timeoutMs`. */
  readonly timeoutMs?: number;
}

/**
 * Client of an agent that speaks protocol version 1, over one Unix socket: one event at a time, each with one answer.
 *
 * For agents that cannot be changed yet; use a pool for version 2 agents, which answer many events at once.
 */
export class AgentClient implements AsyncDisposable {
  readonly #path: string;
  readonly #options: ResolvedClientOptions;
  #link: Link | undefined;
  /** Resolves when every event so far has its answer. */
  #last: Promise<unknown> = Promise.resolve();
  #queued = 0;
  #closed = false;

  private constructor(path: string, options: ResolvedClientOptions, link: Link) {
    this.#path = path;
    this.#options = options;
    this.#link = link;
  }

  /**
   * Connects to the agent that listens at `path`.
   *
   * @throws AgentwireError `ERR_CONNECT`, `ERR_TIMEOUT`, `ERR_INVALID_ARGUMENT`
   */
  static async unixSocket(path: string, options: AgentClientOptions = {}): Promise<AgentClient> {
    const resolved = resolveClientOptions(options);
    return new AgentClient(path, resolved, await Link.open(path, resolved));
  }

  /**
   * Sends one event. @returns the agent's decision. Events wait for the answers of those before them. Version 1 answers
   * `requestComplete` and `configure` too.
   *
   * After a deadline, an abort or a broken connection the next event connects anew: a late answer would be taken for its answer.
   *
   * @throws AgentwireError `ERR_TIMEOUT`, `ERR_ABORTED`, `ERR_CLOSED`, `ERR_CONNECT`, `ERR_OVERLOADED` past `maxQueued`,
   * `ERR_PROTOCOL` and `ERR_VERSION_MISMATCH` for an invalid answer, `ERR_MESSAGE_TOO_LARGE`
   */
  async sendEvent(event: ProxyEvent, options: SendEventOptions = {}): Promise<Decision> {
    const { signal, timeoutMs = this.#options.timeoutMs } = options;
    if (this.#closed) throw new AgentwireError('ERR_CLOSED', `the client of unix:${this.#path} was closed`);
    if (this.#queued > this.#options.maxQueued) {
      throw new AgentwireError(
        'ERR_OVERLOADED',
        `${this.#queued} events wait, maxQueued is ${this.#options.maxQueued}`,
      );
    }
    this.#queued += 1;
    const before = this.#last;
    const { clock } = this.#options;
    const until = clock.now() + timeoutMs;
    const answer = (async () => {
      await this.#waitFor(before, timeoutMs, signal);
      return this.#ask(event, Math.max(0, until - clock.now()), signal);
    })();
    // the next event waits for this one, however it ends, and for those that this one stopped waiting for
    this.#last = Promise.allSettled([before, answer]);
    try {
      return await answer;
    } finally {
      this.#queued -= 1;
    }
  }

  /** Waits for the events before; the time spent here counts. */
  async #waitFor(before: Promise<unknown>, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true) throw this.#aborted(signal);
    const { clock } = this.#options;
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = clock.setTimeout(
      () => reject(new AgentwireError('ERR_TIMEOUT', `the event waited ${timeoutMs} ms for those before it`)),
      timeoutMs,
    );
    const onAbort = (): void => reject(this.#aborted(signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([before, promise]);
    } finally {
      clock.clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #ask(event: ProxyEvent, timeoutMs: number, signal: AbortSignal | undefined): Promise<Decision> {
    const link = await this.#open();
    const { clock } = this.#options;
    const timer = clock.setTimeout(() => link.end('ERR_TIMEOUT', `gave no answer within ${timeoutMs} ms`), timeoutMs);
    const onAbort = (): void => link.end('ERR_ABORTED', 'was cancelled by the caller');
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await link.ask(event);
    } finally {
      clock.clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  async #open(): Promise<Link> {
    if (this.#closed) throw new AgentwireError('ERR_CLOSED', `the client of unix:${this.#path} was closed`);
    if (this.#link?.open === true) return this.#link;
    const link = await Link.open(this.#path, this.#options);
    this.#link = link;
    // closed while it connected
    if (this.#closed) link.end('ERR_CLOSED', 'was closed');
    return link;
  }

  #aborted(signal: AbortSignal | undefined): AgentwireError {
    return new AgentwireError('ERR_ABORTED', 'the event was cancelled before it was sent', { cause: signal?.reason });
  }

  /** Drops the connection; events in flight fail with `ERR_CLOSED`. Idempotent. */
  close(): Promise<void> {
    this.#closed = true;
    this.#link?.end('ERR_CLOSED', 'was closed');
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
