import { AgentwireError } from '@agentwire/core';
import type { DeadLetterReason, KernelMessage } from '@agentwire/a2a-router';
import type { NatsConnection } from '@nats-io/transport-node';
import {
  DiscardPolicy,
  type JetStreamClient,
  JetStreamApiError,
  jetstream,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StoredMsg,
} from '@nats-io/jetstream';
import { type DurableStreamOptions, resolveDurableStreamOptions } from './backend-options.ts';
import { fromNatsError } from './nats-errors.ts';
import { Subjects } from './subjects.ts';
import { decodeReceived } from './wire.ts';

const STREAM_NOT_FOUND = 10_059;
const NO_MESSAGE = 10_037;
const NANOS = 1_000_000;

/** A message of a durable inbox that was given up. */
export interface DurableDeadLetter {
  /** Its number in the stream of dead letters, for `redrive`. */
  readonly sequence: number;
  /** Why it was given up: not let in, not readable, or failed too often. */
  readonly reason: DeadLetterReason;
  /** The last error in words. */
  readonly why: string;
  /** Node that sent it. */
  readonly source: string;
  /** The message; undefined when it cannot be read. */
  readonly message: KernelMessage | undefined;
}

/** The two streams behind durable inboxes: what waits, and what was given up. */
export class DurableStreams {
  /** Name of the stream of what waits. */
  readonly inboxStream: string;
  /** Name of the stream of dead letters. */
  readonly deadStream: string;
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;

  private constructor(client: JetStreamClient, manager: JetStreamManager, prefix: string) {
    this.client = client;
    this.manager = manager;
    this.inboxStream = `${prefix.toUpperCase()}_INBOX`;
    this.deadStream = `${prefix.toUpperCase()}_DEAD`;
  }

  /** Finds the streams, and makes them when they are missing and `create` allows it. */
  static async open(
    connection: NatsConnection,
    prefix: string,
    options: DurableStreamOptions,
  ): Promise<DurableStreams> {
    const all = resolveDurableStreamOptions(options);
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const streams = new DurableStreams(jetstream(connection), manager, prefix);
    const { inboxStream, deadStream } = streams;
    const storage = all.storage === 'memory' ? StorageType.Memory : StorageType.File;
    await streams.#find(inboxStream, all.create, () =>
      manager.streams.add({
        name: inboxStream,
        subjects: [`${prefix}.*.inbox.>`],
        retention: RetentionPolicy.Workqueue,
        discard: DiscardPolicy.New,
        discard_new_per_subject: true,
        max_msgs_per_subject: all.maxPerInbox,
        max_age: all.maxAgeMs * NANOS,
        duplicate_window: all.duplicateWindowMs * NANOS,
        num_replicas: all.replicas,
        storage,
      }),
    );
    await streams.#find(deadStream, all.create, () =>
      manager.streams.add({
        name: deadStream,
        subjects: [`${prefix}.*.dead.>`],
        retention: RetentionPolicy.Limits,
        discard: DiscardPolicy.Old,
        max_msgs: all.maxDeadLetters,
        num_replicas: all.replicas,
        storage,
      }),
    );
    return streams;
  }

  /** Hands a message to the server and waits until it is kept; one that was taken under this key already is not kept twice. */
  async publish(subject: string, text: string, key: string): Promise<void> {
    try {
      await this.client.publish(subject, text, { msgID: key });
    } catch (error) {
      throw fromNatsError(error, 'the message was not kept');
    }
  }

  /** The dead letters on a subject, oldest first. */
  async deadLetters(subject: string, limit: number): Promise<DurableDeadLetter[]> {
    const found: DurableDeadLetter[] = [];
    try {
      for (let from = 1; found.length < limit;) {
        const query = { seq: from, next_by_subj: subject };
        const stored = await this.manager.streams.getMessage(this.deadStream, query);
        if (stored === null) break;
        found.push(readDeadLetter(stored));
        from = stored.seq + 1;
      }
    } catch (error) {
      if (!isMissing(error)) throw fromNatsError(error, 'dead letters');
    }
    return found;
  }

  /** Publishes a dead letter to the inbox it was for; it is deleted only once it is kept there. */
  async redrive(subject: string, sequence: number): Promise<void> {
    try {
      const stored = await this.manager.streams.getMessage(this.deadStream, { seq: sequence });
      if (stored === null) throw new AgentwireError('ERR_INVALID_ARGUMENT', `there is no dead letter ${sequence}`);
      await this.client.publish(subject, stored.data, { msgID: `redrive ${sequence}` });
      await this.manager.streams.deleteMessage(this.deadStream, sequence);
    } catch (error) {
      if (isMissing(error))
        throw new AgentwireError('ERR_INVALID_ARGUMENT', `there is no dead letter ${sequence}`, { cause: error });
      throw fromNatsError(error, 'redrive');
    }
  }

  async #find(name: string, create: boolean, make: () => Promise<unknown>): Promise<void> {
    try {
      await this.manager.streams.info(name);
    } catch (error) {
      if (!create || !(error instanceof JetStreamApiError) || error.code !== STREAM_NOT_FOUND) throw error;
      await make();
    }
  }
}

function readDeadLetter(stored: StoredMsg): DurableDeadLetter {
  const about = (name: string): string => stored.header.get(name);
  const { source } = Subjects.parse(about('Agentwire-Subject'));
  let message: KernelMessage | undefined;
  try {
    const received = decodeReceived(stored.string(), source);
    if (received.kind === 'message') message = received.message;
  } catch {
    message = undefined;
  }
  return {
    sequence: stored.seq,
    reason: about('Agentwire-Reason') as DeadLetterReason,
    why: about('Agentwire-Why'),
    source,
    message,
  };
}

function isMissing(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === NO_MESSAGE;
}
