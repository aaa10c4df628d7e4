import { AgentwireError } from '@agentwire/core';
import {
  type JetStreamClient,
  JetStreamApiError,
  jetstream,
  type JetStreamManager,
  jetstreamManager,
  type JsMsg,
  type StoredMsg,
} from '@nats-io/jetstream';
import { errors, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';
import type { DurableStreamOptions } from './backend-options.ts';
import { type DurableDeadLetter, readDeadLetter } from './durable-dead-letter.ts';
import { namesId, redriveHeaders } from './durable-headers.ts';
import { HandlerSlots } from './handler-slots.ts';
import { fromNatsError } from './nats-errors.ts';
import { NodeStreams } from './node-streams.ts';

const NO_MESSAGE = 10_037;
const STREAM_NOT_FOUND = 10_059;
/** Cancellations of one node in one inbox that wait for their turn. */
const MAX_SEARCHES = 100;
/** Milliseconds that a change of a stream with many subjects may take: a server compares each of them with all others. */
const CHANGE_MS = 60_000;
/** Inboxes whose consumers are made at once: a server that makes thousands answers later than its client waits. */
const OPENED_AT_ONCE = 8;

/** The durable inboxes of this node, and the way to those of others. */
export class DurableStreams {
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  /** Delayed messages that go into their inbox now, and those that are taken back now: never both. */
  readonly leaving: Set<number> = new Set();
  readonly cancelling: Set<number> = new Set();
  /** Inboxes whose consumers are being made. */
  readonly opening: HandlerSlots = new HandlerSlots(OPENED_AT_ONCE);
  readonly #streams: NodeStreams;
  /** Cancellations in hand, by the subject that is looked through. */
  readonly #searches = new Map<string, { waiting: number; last: Promise<boolean> }>();

  private constructor(connection: NatsConnection, manager: JetStreamManager, streams: NodeStreams) {
    this.client = jetstream(connection);
    this.manager = manager;
    this.#streams = streams;
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

  /**
   * Takes back the delayed message of a subject and id; false when there is none, or its time has come.
   *
   * The messages of one subject are looked through one by one, so those who ask wait for each other; past 100 it is `ERR_OVERLOADED`.
   */
  unschedule(subject: string, id: string): Promise<boolean> {
    const before = this.#searches.get(subject) ?? { waiting: 0, last: Promise.resolve(false) };
    if (before.waiting >= MAX_SEARCHES)
      return Promise.reject(new AgentwireError('ERR_OVERLOADED', `${MAX_SEARCHES} cancellations wait already`));
    before.waiting += 1;
    const turn = before.last
      .catch(() => false)
      .then(() => this.#takeBack(subject, id))
      .finally(() => {
        before.waiting -= 1;
        if (before.waiting === 0) this.#searches.delete(subject);
      });
    before.last = turn;
    this.#searches.set(subject, before);
    return turn;
  }

  async #takeBack(subject: string, id: string): Promise<boolean> {
    let sequence: number | undefined;
    try {
      sequence = await this.#findDelayed(subject, id);
      if (sequence === undefined || this.leaving.has(sequence)) return false;
      this.cancelling.add(sequence);
      return await this.manager.streams.deleteMessage(this.#streams.later, sequence);
    } catch (error) {
      if (isMissing(error)) return false;
      throw fromNatsError(error, 'a delayed message could not be cancelled');
    } finally {
      if (sequence !== undefined) this.cancelling.delete(sequence);
    }
  }

  async #findDelayed(subject: string, id: string): Promise<number | undefined> {
    for (let from = 1; ;) {
      const query = { seq: from, next_by_subj: subject };
      const stored = await this.manager.streams.getMessage(this.#streams.later, query);
      if (stored === null || namesId(stored.header, id)) return stored?.seq;
      from = stored.seq + 1;
    }
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
      if (!isMissing(error)) throw fromNatsError(error, 'dead letters');
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

function isMissing(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === NO_MESSAGE;
}

/** Tells whether no stream takes a subject. */
function isUnheard(error: unknown): boolean {
  if (error instanceof JetStreamApiError) return error.code === STREAM_NOT_FOUND;
  // the client takes a subject without listeners for a server without JetStream, and keeps what it saw as the cause
  const seen = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return seen instanceof errors.NoRespondersError || (seen instanceof errors.RequestError && seen.isNoResponders());
}
