import { AgentwireError, type ErrorCode, type Logger, toAgentwireError } from '@agentwire/core';
import type { KernelMessage } from '@agentwire/a2a-router';
import { type RemoteReply, SeenKeys } from '@agentwire/a2a-router/internal';
import type { JsMsg } from '@nats-io/jetstream';
import { deadHeaders, type DurableDeadLetterReason, readWaiting, replyOf, type Waiting } from './durable-headers.ts';
import type { DurableHandler, ResolvedDurableInboxOptions } from './durable-options.ts';
import type { DurableStreams } from './durable-streams.ts';
import { Unsettled } from './unsettled.ts';
import { messageKey } from './message-key.ts';
import type { HandlerSlots } from './handler-slots.ts';
import { fromNatsError } from './nats-errors.ts';
import type { NodeLink } from './node-link.ts';
import { openReply } from './remote-reply.ts';
import { decodeReceived } from './wire.ts';

/** Counters of a durable inbox. */
export interface DurableInboxStats {
  /** Messages that were handled and acknowledged. */
  readonly handled: number;
  /** Deliveries that failed and will come again. */
  readonly failed: number;
  /** Deliveries of what was handled before or is in hand, for which the handler was not asked. */
  readonly duplicates: number;
  /** Messages that were given up. */
  readonly dead: number;
}

/** Handles the messages of one durable inbox, each until it is settled. */
export class DurableWorker {
  readonly stats = { handled: 0, failed: 0, duplicates: 0, dead: 0 };
  readonly #link: NodeLink;
  readonly #streams: DurableStreams;
  readonly #name: string;
  readonly #handler: DurableHandler;
  readonly #options: ResolvedDurableInboxOptions;
  readonly #seen: SeenKeys;
  readonly #unsettled: Unsettled;

  constructor(
    link: NodeLink,
    streams: DurableStreams,
    name: string,
    handler: DurableHandler,
    options: ResolvedDurableInboxOptions,
  ) {
    this.#link = link;
    this.#streams = streams;
    this.#name = name;
    this.#handler = handler;
    this.#options = options;
    this.#seen = new SeenKeys(options.rememberedKeys);
    this.#unsettled = new Unsettled(link.options.clock, options.ackWaitMs);
  }

  /** Takes one delivery, handles it once there is a slot for it, and resolves when it is settled; never rejects. */
  async take(msg: JsMsg, slots: HandlerSlots, isHigh: boolean): Promise<void> {
    if (!this.#unsettled.take(msg)) {
      this.stats.duplicates += 1;
      return;
    }
    // messages of both priorities are fetched at once, so one may wait for a slot; the server hears of it meanwhile.
    await slots.acquire(isHigh);
    try {
      await this.#handle(msg);
    } catch (error) {
      const wrong = error instanceof AgentwireError ? error : fromNatsError(error, 'durable inbox');
      this.#logger.error(
        { inbox: this.#name, error: wrong.message },
        'a durable message could not be settled and will come again',
      );
    } finally {
      slots.release();
      this.#unsettled.release(msg);
    }
  }

  get #logger(): Logger {
    return this.#link.options.logger;
  }

  async #handle(msg: JsMsg): Promise<void> {
    const { nodeId } = this.#link.options;
    let from: Waiting = unread(msg);
    let message: KernelMessage;
    let reply: RemoteReply | undefined;
    try {
      from = readWaiting(msg.subject, msg.headers, nodeId, from.sentAt);
      const { source, target } = from;
      const asker = { source, id: '', replyTo: replyOf(msg.headers), tellFailure: true, window: undefined };
      reply = openReply(this.#link, asker);
      const now = Math.min(from.sentAt, this.#link.options.clock.wallNow());
      const received = decodeReceived(msg.string(), { source, target, now });
      if (received.kind !== 'message') throw new AgentwireError('ERR_PROTOCOL', 'it is no message');
      ({ message } = received);
      reply = openReply(this.#link, { ...asker, id: message.id, window: received.window });
    } catch (error) {
      await this.#bury(msg, from, 'target_not_found', toAgentwireError(error, 'ERR_PROTOCOL'), reply);
      return;
    }
    const { maxDeliver, pid } = this.#options;
    const deliveries = msg.info.deliveryCount;
    if (deliveries > maxDeliver) {
      const late = new AgentwireError('ERR_TIMEOUT', `${maxDeliver} deliveries were not acknowledged`);
      await this.#bury(msg, from, 'timeout', late, reply);
      return;
    }
    const key = messageKey(nodeId, this.#name, message.fromNode ?? '', message);
    if (this.#seen.has(key)) {
      this.stats.duplicates += 1;
      reply?.fail('ERR_DUPLICATE_REQUEST', 'a message with the same key was handled before');
      this.#unsettled.release(msg).ack();
      return;
    }
    let handing = false;
    try {
      await this.#link.host.admit(message, { pid, reply, redriven: from.redriven }, async (admitted) => {
        handing = true;
        await this.#handler(admitted);
      });
    } catch (error) {
      const wrong = toAgentwireError(error, 'ERR_HANDLER');
      const reason = handing ? undefined : REFUSALS[wrong.code];
      if (reason !== undefined || deliveries >= maxDeliver)
        await this.#bury(msg, from, reason ?? 'handler_failed', wrong, reply);
      else this.#again(msg, deliveries);
      return;
    }
    this.#seen.add(key);
    this.stats.handled += 1;
    this.#unsettled.release(msg).ack();
  }

  #again(msg: JsMsg, deliveries: number): void {
    this.stats.failed += 1;
    const { backoffMs } = this.#options;
    this.#unsettled.release(msg).nak(backoffMs[Math.min(deliveries, backoffMs.length) - 1] ?? 0);
  }

  /** Keeps a message as a dead letter first, and takes it from the inbox then, so that it is never in neither. */
  async #bury(
    msg: JsMsg,
    { subject, sentAt, source }: Waiting,
    reason: DurableDeadLetterReason,
    { code, message: why }: AgentwireError,
    reply: RemoteReply | undefined,
  ): Promise<void> {
    const about = deadHeaders({ subject, sentAt, reason, why, replyTo: replyOf(msg.headers) });
    await this.#streams.bury(this.#link.subjects.dead(this.#name, source), msg, about);
    this.#unsettled.release(msg).term();
    this.stats.dead += 1;
    reply?.fail(code, why);
    this.#logger.warn({ inbox: this.#name, reason, why }, 'a durable message was given up');
  }
}

/** Description of a message whose headers cannot be read. */
function unread(msg: JsMsg): Waiting {
  const sentAt = Math.round(msg.info.timestampNanos / 1_000_000);
  return {
    source: '',
    way: 'inbox',
    node: undefined,
    target: undefined,
    rest: [],
    subject: msg.subject,
    sentAt,
    redriven: false,
  };
}

/** Codes that end a message before its handler was asked; after every other one it is tried again. */
const REFUSALS: Partial<Record<ErrorCode, DurableDeadLetterReason>> = {
  ERR_CAPABILITY_DENIED: 'governance_denied',
  ERR_TIMEOUT: 'timeout',
};
