import type { TimerHandle } from '@agentwire/core';
import type { Consumer, ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import { fromNatsError } from './nats-errors.ts';
import type { NodeLink } from './node-link.ts';

const EXPIRES_MS = 5000;
const RETRY_MS = 500;

/** Fetches as many messages of one consumer as may be handled at once, and no more; `take` handles each and does not reject. */
export class DurableFetching {
  readonly #link: NodeLink;
  readonly #take: (msg: JsMsg) => Promise<void>;
  readonly #concurrency: number;
  readonly #find: () => Promise<Consumer>;
  readonly #inHand = new Set<Promise<void>>();
  #consumer: Consumer;
  #messages: ConsumerMessages | undefined;
  #stopped = false;
  #wake: () => void = () => undefined;

  constructor(
    link: NodeLink,
    take: (msg: JsMsg) => Promise<void>,
    concurrency: number,
    consumer: Consumer,
    find: () => Promise<Consumer>,
  ) {
    this.#link = link;
    this.#take = take;
    this.#concurrency = concurrency;
    this.#consumer = consumer;
    this.#find = find;
  }

  /** Fetches until it is stopped, and resolves once everything in hand is settled. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      const free = this.#concurrency - this.#inHand.size;
      if (free === 0) {
        await Promise.race(this.#inHand);
        continue;
      }
      try {
        await this.#fetch(free);
      } catch (error) {
        if (this.#isStopped() || this.#link.connection.isClosed()) break;
        await this.#tryAgain(error);
      }
    }
    await Promise.all(this.#inHand);
  }

  /** Fetches no more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wake();
    await this.#messages?.close();
  }

  async #fetch(free: number): Promise<void> {
    this.#messages = await this.#consumer.fetch({ max_messages: free, expires: EXPIRES_MS });
    if (this.#isStopped()) await this.#messages.close();
    for await (const msg of this.#messages) {
      const work: Promise<void> = this.#take(msg).finally(() => this.#inHand.delete(work));
      this.#inHand.add(work);
    }
  }

  /** Waits a moment and looks for the consumer again, which may have been deleted on the server. */
  async #tryAgain(problem: unknown): Promise<void> {
    const { clock, logger } = this.#link.options;
    logger.debug({ error: fromNatsError(problem, 'fetch').message }, 'a durable inbox cannot be read now');
    let timer: TimerHandle;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = clock.setTimeout(resolve, RETRY_MS);
    });
    clock.clearTimeout(timer);
    if (this.#isStopped() || !this.#link.connected) return;
    try {
      this.#consumer = await this.#find();
    } catch (error) {
      logger.error({ error: fromNatsError(error, 'consumer').message }, 'a durable inbox has no consumer');
    }
  }

  #isStopped(): boolean {
    return this.#stopped;
  }
}
