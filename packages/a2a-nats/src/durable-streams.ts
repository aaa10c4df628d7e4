import { AgentwireError } from '@agentwire/core';
import {
  type JetStreamClient,
  jetstream,
  type JetStreamManager,
  jetstreamManager,
  type JsMsg,
  type StoredMsg,
} from '@nats-io/jetstream';
import type { MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import type { DurableStreamOptions } from './backend-options.ts';
import { type DurableDeadLetter, readDeadLetter } from './durable-dead-letter.ts';
import { DelayedMessages } from './delayed-messages.ts';
import { redriveHeaders } from './durable-headers.ts';
import { HandlerSlots } from './handler-slots.ts';
import { fromNatsError, isMissing, isNoStream, isUnheard } from './nats-errors.ts';
import { NodeStreams } from './node-streams.ts';

/** Milliseconds that a change of a stream with many subjects may take: a server compares each of them with all others. */
const CHANGE_MS = 60_000;
/** Inboxes whose consumers are made at once: a server that makes thousands answers later than its client waits. */
const OPENED_AT_ONCE = 8;

/** The durable inboxes of this node, and the way to those of others. */
export class DurableStreams {
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  /** Delayed messages on their way out, and the way to take one back. */
  readonly delayed: DelayedMessages;
  /** Inboxes whose consumers are being made. */
  readonly opening: HandlerSlots = new HandlerSlots(OPENED_AT_ONCE);
  readonly #streams: NodeStreams;

  private constructor(connection: NatsConnection, manager: JetStreamManager, streams: NodeStreams) {
    this.client = jetstream(connection);
    this.manager = manager;
    this.#streams = streams;
    this.delayed = new DelayedMessages(manager, streams.later);
  }

  /** Finds the streams of a node, or makes them; see {@link NodeStreams}. */
  static async open(
    connection: NatsConnection,
    owner: { readonly prefix: string; readonly nodeId: string },
    options: DurableStreamOptions,
  ): Promise<DurableStreams> {
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const patient = await jetstreamManager(connection, { checkAPI: false, timeout: CHANGE_MS });
    const streams = new NodeStreams(manager, patient, owner, options);
    await streams.prepare();
    return new DurableStreams(connection, manager, streams);
  }

  /** Name of the stream of what waits on this node. */
  get inboxStream(): string {
    return this.#streams.inbox;
  }

  /** Makes room for an inbox of this node. */
  addInbox(name: string): Promise<void> {
    return this.#streams.addInbox(name);
  }

  /**
   * Hands a message to the server and waits until it is kept; false when one was taken under this key before.
   *
   * Rejects with `ERR_NO_INBOX` when its node has opened no inbox of that name, and with `ERR_INBOX_FULL`.
   */
  async publish(subject: string, text: string, key: string, about: MsgHdrs | undefined): Promise<boolean> {
    try {
      const { duplicate } = await this.client.publish(subject, text, {
        msgID: key,
        ...(about === undefined ? {} : { headers: about }),
      });
      return !duplicate;
    } catch (error) {
      if (isUnheard(error)) {
        throw new AgentwireError(
          'ERR_NO_INBOX',
          'the node has no durable inbox of that name, or its stream has no leader now',
          { cause: error },
        );
      }
      throw fromNatsError(error, 'the message was not kept');
    }
  }

  /** True when messages to this node may be delayed. */
  get hasLater(): boolean {
    return this.#streams.hasLater;
  }

  /** Name of the stream of what waits for its time. */
  get laterStream(): string {
    return this.#streams.later;
  }

  /** Messages that may wait for their time. */
  get maxDelayed(): number {
    return this.#streams.maxDelayed;
  }

  /** Puts a delayed message into its inbox. */
  async forward(subject: string, msg: JsMsg, about: MsgHdrs): Promise<void> {
    await this.client.publish(subject, msg.data, { headers: about, msgID: `later ${msg.info.streamSequence}` });
  }

  /** Keeps a message of an inbox as a dead letter. */
  async bury(subject: string, msg: JsMsg, about: MsgHdrs): Promise<void> {
    await this.client.publish(subject, msg.data, { headers: about, msgID: `dead ${msg.info.streamSequence}` });
  }

  /** The dead letters on a subject, oldest first. */
  async deadLetters(subject: string, limit: number): Promise<DurableDeadLetter[]> {
    const found: DurableDeadLetter[] = [];
    try {
      for (let from = 1; found.length < limit;) {
        const query = { seq: from, next_by_subj: subject };
        const stored = await this.manager.streams.getMessage(this.#streams.dead, query);
        if (stored === null) break;
        found.push(readDeadLetter(stored));
        from = stored.seq + 1;
      }
    } catch (error) {
      if (!isMissing(error) && !isNoStream(error)) throw fromNatsError(error, 'dead letters');
    }
    return found;
  }

  /**
   * Publishes a dead letter, on a subject of `dead`, to the inbox it was for, with the subject that it had; it is deleted only once it is kept there.
   *
   * @throws AgentwireError `ERR_INVALID_ARGUMENT`
   */
  async redrive(dead: string, subject: string, sequence: number): Promise<void> {
    let stored: StoredMsg | null = null;
    try {
      stored = await this.manager.streams.getMessage(this.#streams.dead, { seq: sequence });
    } catch (error) {
      if (!isMissing(error)) throw fromNatsError(error, 'redrive');
    }
    if (stored === null || !stored.subject.startsWith(dead.slice(0, -1)))
      throw new AgentwireError('ERR_INVALID_ARGUMENT', `this inbox has no dead letter ${sequence}`);
    try {
      const about = redriveHeaders(stored.header);
      await this.client.publish(subject, stored.data, { headers: about, msgID: `redrive ${sequence}` });
      await this.manager.streams.deleteMessage(this.#streams.dead, sequence);
    } catch (error) {
      throw fromNatsError(error, 'redrive');
    }
  }
}
