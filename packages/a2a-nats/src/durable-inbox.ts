import {
  AgentwireError,
  checkInteger,
  checkKnownOptions,
  type Clock,
  type Logger,
  toAgentwireError,
} from '@agentwire/core';
import { type DeadLetterReason, type ReceivedMessage, type RemoteHost, SeenKeys } from '@agentwire/a2a-router';
import { AckPolicy, type Consumer, type ConsumerMessages, type JsMsg } from '@nats-io/jetstream';
import { headers } from '@nats-io/transport-node';
import type { DurableStreams } from './durable-streams.ts';
import { fromNatsError } from './nats-errors.ts';
import { parseSubject } from './subject-parts.ts';
import { encodeToken } from './subject-token.ts';
import type { Subjects } from './subjects.ts';
import { decodeReceived } from './wire.ts';

/** Handles one message; it is acknowledged when the promise resolves and comes again when it rejects. */
export type DurableHandler = (message: ReceivedMessage) => void | Promise<void>;

/** How a durable inbox takes messages. */
export interface DurableInboxOptions {
  /** Messages in hand at once, 1 to 10 000. Default 16; 1 keeps the order of one sender. */
  readonly concurrency?: number;
  /** Messages that the server lets be in hand before it waits for acknowledgements. Default 256. */
  readonly maxAckPending?: number;
  /** Milliseconds without a sign of life from the handler's process after which the server delivers again. Default 30 000. */
  readonly ackWaitMs?: number;
  /** Deliveries after which a message is a dead letter, 1 to 1000. Default 5. */
  readonly maxDeliver?: number;
  /** Milliseconds to wait before each further delivery; the last one counts for all after it. Default 1 s, 5 s, 30 s. */
  readonly backoffMs?: readonly number[];
  /** Handled messages whose keys are remembered, so that none is handled twice by this process. Default 10 000. */
  readonly rememberedKeys?: number;
}

/** What a durable inbox has done so far. */
export interface DurableInboxStats {
  /** Messages that were handled and acknowledged. */
  readonly handled: number;
  /** Deliveries that failed and will come again. */
  readonly failed: number;
  /** Deliveries of what was handled before, acknowledged without the handler. */
  readonly duplicates: number;
  /** Messages that were given up. */
  readonly dead: number;
}

/** An open durable inbox. */
export interface DurableInbox extends AsyncDisposable {
  /** Its name. */
  readonly name: string;
  /** What it has done so far. */
  readonly stats: DurableInboxStats;
  /** Stops taking messages and waits for those in hand; idempotent. */
  close(): Promise<void>;
}

interface Parts {
  readonly host: RemoteHost;
  readonly streams: DurableStreams;
  readonly subjects: Subjects;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Settings extends DurableInboxOptions {
  readonly name: string;
  readonly nodeId: string;
  readonly handler: DurableHandler;
}

const NANOS = 1_000_000;
const KNOWN: readonly string[] =
  'name nodeId handler concurrency maxAckPending ackWaitMs maxDeliver backoffMs rememberedKeys'.split(' ');

/** Makes or finds the consumer of a durable inbox and begins to take messages from it. */
export async function openDurableInbox(parts: Parts, settings: Settings, onClosed: () => void): Promise<DurableInbox> {
  checkKnownOptions('a durable inbox', settings, KNOWN);
  const { concurrency = 16, maxAckPending = 256, ackWaitMs = 30_000, maxDeliver = 5 } = settings;
  checkInteger('concurrency', concurrency, 1, 10_000);
  checkInteger('maxAckPending', maxAckPending, 1, 1_000_000);
  checkInteger('ackWaitMs', ackWaitMs, 100, 86_400_000);
  checkInteger('maxDeliver', maxDeliver, 1, 1000);
  const durableName = `${encodeToken(settings.nodeId)}_${encodeToken(settings.name)}`;
  const { streams, subjects } = parts;
  let consumer: Consumer;
  try {
    await streams.manager.consumers.add(streams.inboxStream, {
      durable_name: durableName,
      filter_subject: subjects.anyInbox(settings.name),
      ack_policy: AckPolicy.Explicit,
      ack_wait: ackWaitMs * NANOS,
      max_ack_pending: maxAckPending,
    });
    consumer = await streams.client.consumers.get(streams.inboxStream, durableName);
  } catch (error) {
    throw fromNatsError(error, `durable inbox ${JSON.stringify(settings.name)}`);
  }
  const worker = new Worker(parts, { ...settings, maxDeliver, ackWaitMs });
  const messages = await consumer.consume({ max_messages: Math.min(concurrency, maxAckPending), expires: 5000 });
  const running = worker.run(messages, concurrency);
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closed ??= messages
      .close()
      .then(() => running)
      .then(onClosed);
    return closed;
  };
  return {
    name: settings.name,
    get stats() {
      return { ...worker.stats };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

class Worker {
  readonly stats = { handled: 0, failed: 0, duplicates: 0, dead: 0 };
  readonly #parts: Parts;
  readonly #settings: Settings & { readonly maxDeliver: number; readonly ackWaitMs: number };
  readonly #seen: SeenKeys;

  constructor(parts: Parts, settings: Settings & { readonly maxDeliver: number; readonly ackWaitMs: number }) {
    this.#parts = parts;
    this.#settings = settings;
    this.#seen = new SeenKeys(checkInteger('rememberedKeys', settings.rememberedKeys ?? 10_000, 1, 10_000_000));
  }

  async run(messages: ConsumerMessages, concurrency: number): Promise<void> {
    const inHand = new Set<Promise<void>>();
    try {
      for await (const msg of messages) {
        const work: Promise<void> = this.#handle(msg)
          .catch((error: unknown) => this.#report(error))
          .finally(() => inHand.delete(work));
        inHand.add(work);
        if (inHand.size >= concurrency) await Promise.race(inHand);
      }
    } catch (error) {
      this.#report(error);
    }
    await Promise.all(inHand);
  }

  async #handle(msg: JsMsg): Promise<void> {
    const { source, target } = parseSubject(msg.subject);
    const deliveries = msg.info.deliveryCount;
    const { maxDeliver, handler } = this.#settings;
    if (deliveries > maxDeliver) {
      await this.#bury(msg, 'timeout', `${maxDeliver} deliveries were not acknowledged`);
      return;
    }
    let received;
    try {
      received = decodeReceived(msg.string(), { source, target, now: this.#parts.clock.wallNow() });
    } catch (error) {
      await this.#bury(msg, 'target_not_found', toAgentwireError(error, 'ERR_PROTOCOL').message);
      return;
    }
    if (received.kind !== 'message') {
      await this.#bury(msg, 'target_not_found', 'it is no message');
      return;
    }
    const { message } = received;
    const key = `${source}/${message.from}/${message.idempotencyKey ?? message.id}`;
    if (this.#seen.has(key)) {
      this.stats.duplicates += 1;
      msg.ack();
      return;
    }
    const stopBeating = this.#beat(msg);
    let handing = false;
    try {
      await this.#parts.host.admit(message, async (admitted) => {
        handing = true;
        await handler(admitted);
      });
      this.#seen.add(key);
      this.stats.handled += 1;
      msg.ack();
    } catch (error) {
      const wrong = toAgentwireError(error, 'ERR_HANDLER');
      if (!handing && wrong.code === 'ERR_CAPABILITY_DENIED') await this.#bury(msg, 'governance_denied', wrong.message);
      else if (!handing && wrong.code === 'ERR_TIMEOUT') await this.#bury(msg, 'timeout', wrong.message);
      else if (deliveries >= maxDeliver) await this.#bury(msg, 'timeout', wrong.message);
      else this.#again(msg, deliveries);
    } finally {
      stopBeating();
    }
  }

  /** Tells the server again and again that the handler is at work, so that a slow one is not taken for dead. */
  #beat(msg: JsMsg): () => void {
    const { clock } = this.#parts;
    const every = this.#settings.ackWaitMs / 3;
    let timer: unknown;
    const beat = (): void => {
      timer = clock.setTimeout(() => {
        msg.working();
        beat();
      }, every);
    };
    beat();
    return () => clock.clearTimeout(timer);
  }

  #again(msg: JsMsg, deliveries: number): void {
    this.stats.failed += 1;
    const waits = this.#settings.backoffMs ?? [1000, 5000, 30_000];
    msg.nak(waits[Math.min(deliveries, waits.length) - 1] ?? 0);
  }

  /** Keeps a message as a dead letter first, and takes it from the inbox then, so that it is never in neither. */
  async #bury(msg: JsMsg, reason: DeadLetterReason, why: string): Promise<void> {
    const { streams, subjects, logger } = this.#parts;
    const about = headers();
    about.set('Agentwire-Reason', reason);
    about.set('Agentwire-Why', why.replaceAll(/[\r\n]/g, ' ').slice(0, 500));
    about.set('Agentwire-Subject', msg.subject);
    await streams.client.publish(subjects.dead(this.#settings.name), msg.data, {
      headers: about,
      msgID: `dead ${msg.info.streamSequence}`,
    });
    msg.term();
    this.stats.dead += 1;
    logger.warn({ inbox: this.#settings.name, reason, why }, 'a durable message was given up');
  }

  #report(error: unknown): void {
    const wrong = error instanceof AgentwireError ? error : fromNatsError(error, 'durable inbox');
    this.#parts.logger.error(
      { inbox: this.#settings.name, error: wrong.message },
      'a durable message could not be settled and will come again',
    );
  }
}
