import type { Logger } from '@agentwire/core';
import type { NatsConnection } from '@nats-io/transport-node';
import { UnsentLimit } from './unsent-limit.ts';

interface Publication {
  readonly subject: string;
  readonly text: string;
  readonly reply: string | undefined;
}

/** Characters after which a batch is not held back any longer. */
const MAX_CHARACTERS = 64 * 1024;

/**
 * Publications of one turn of the event loop, handed to the connection together.
 *
 * The client writes to its socket after the first publication of each microtask, so that replies of handlers, which settle one
 * after the other, would be one system call each. Handed over after the microtasks they share one: row `64 in flight` of the bench.
 */
export class PublishBatch {
  readonly #connection: NatsConnection;
  readonly #logger: Logger;
  readonly #unsent: UnsentLimit;
  #waiting: Publication[] = [];
  #characters = 0;

  constructor(connection: NatsConnection, logger: Logger, maxUnsentBytes: number) {
    this.#connection = connection;
    this.#logger = logger;
    this.#unsent = new UnsentLimit(maxUnsentBytes, () => this.flush());
  }

  /** Publishes a text before the next turn of the event loop; throws for a connection that is closed or about to close, and `ERR_OVERLOADED`. */
  publish(subject: string, text: string, reply?: string): void {
    if (this.#connection.isClosed() || this.#connection.isDraining()) {
      this.#connection.publish(subject, text);
      return;
    }
    this.#unsent.add(subject.length + text.length);
    if (this.#waiting.push({ subject, text, reply }) === 1) process.nextTick(() => this.hand());
    this.#characters += text.length;
    if (this.#characters > MAX_CHARACTERS) this.hand();
  }

  /** Counts a text that goes another way, until the function that is given back is called. @throws AgentwireError `ERR_OVERLOADED` */
  hold(text: string): () => void {
    return this.#unsent.hold(text.length);
  }

  /** Hands everything to the connection now. */
  hand(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    this.#characters = 0;
    for (const { subject, text, reply } of waiting) {
      try {
        // the encoder of the client allocates for each text, a buffer of Node does not.
        const data = Buffer.from(text);
        if (reply === undefined) this.#connection.publish(subject, data);
        else this.#connection.publish(subject, data, { reply });
      } catch (error) {
        this.#logger.error({ subject, error: String(error) }, 'a message could not be handed to the NATS client');
      }
    }
  }

  /** Resolves once the server has taken everything that was published. */
  async flush(): Promise<void> {
    this.hand();
    await this.#connection.flush();
  }
}
