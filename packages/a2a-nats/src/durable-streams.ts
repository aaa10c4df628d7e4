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
  type StreamConfig,
} from '@nats-io/jetstream';
import { type DurableStreamOptions, resolveDurableStreamOptions } from './backend-options.ts';
import { fromNatsError } from './nats-errors.ts';
import { parseSubject } from './subject-parts.ts';
import { encodeToken } from './subject-token.ts';
import { decodeReceived } from './wire.ts';

/** A node and the first word of its subjects. */
interface Owner {
  readonly prefix: string;
  readonly nodeId: string;
}

const STREAM_NOT_FOUND = 10_059;
const NO_MESSAGE = 10_037;
const KNOWN_NODES = 10_000;
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

/** The names of the two streams of a node: what waits in its durable inboxes, and what was given up there. */
export function streamNames(prefix: string, nodeId: string): { readonly inbox: string; readonly dead: string } {
  const node = encodeToken(nodeId);
  return { inbox: `${prefix.toUpperCase()}_INBOX_${node}`, dead: `${prefix.toUpperCase()}_DEAD_${node}` };
}

/** The streams behind durable inboxes, two for each node, so that the server can keep nodes apart. */
export class DurableStreams {
  /** Name of the stream of what waits on this node. */
  readonly inboxStream: string;
  /** Name of the stream of this node's dead letters. */
  readonly deadStream: string;
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly #prefix: string;
  readonly #options: Required<DurableStreamOptions>;
  readonly #known = new Set<string>();

  private constructor(
    connection: NatsConnection,
    manager: JetStreamManager,
    owner: Owner,
    options: DurableStreamOptions,
  ) {
    this.client = jetstream(connection);
    this.manager = manager;
    this.#prefix = owner.prefix;
    this.#options = resolveDurableStreamOptions(options);
    const { inbox, dead } = streamNames(owner.prefix, owner.nodeId);
    this.inboxStream = inbox;
    this.deadStream = dead;
  }

  /** Finds the streams of a node, and makes them when they are missing and `create` allows it. */
  static async open(connection: NatsConnection, owner: Owner, options: DurableStreamOptions): Promise<DurableStreams> {
    const manager = await jetstreamManager(connection, { checkAPI: false });
    const streams = new DurableStreams(connection, manager, owner, options);
    await streams.#prepare(owner.nodeId);
    return streams;
  }

  /** Hands a message to the server and waits until it is kept; one that was taken under this key already is not kept twice. */
  async publish(nodeId: string, subject: string, text: string, key: string): Promise<void> {
    try {
      // The recipient may never have been here: its messages wait for it all the same.
      if (!this.#known.has(nodeId)) await this.#prepare(nodeId);
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

  async #prepare(nodeId: string): Promise<void> {
    if (this.#options.create) {
      const { inbox, dead } = streamNames(this.#prefix, nodeId);
      await this.#find(inbox, {
        subjects: [`${this.#prefix}.*.inbox.${encodeToken(nodeId)}.*`],
        ...this.#inboxConfig(),
      });
      await this.#find(dead, { subjects: [`${this.#prefix}.${encodeToken(nodeId)}.dead.*`], ...this.#deadConfig() });
    }
    if (this.#known.size >= KNOWN_NODES) this.#known.clear();
    this.#known.add(nodeId);
  }

  #inboxConfig(): Partial<StreamConfig> {
    const { maxPerInbox, maxAgeMs, duplicateWindowMs, replicas } = this.#options;
    return {
      retention: RetentionPolicy.Workqueue,
      discard: DiscardPolicy.New,
      discard_new_per_subject: true,
      max_msgs_per_subject: maxPerInbox,
      max_age: maxAgeMs * NANOS,
      duplicate_window: duplicateWindowMs * NANOS,
      num_replicas: replicas,
      storage: this.#storage,
    };
  }

  #deadConfig(): Partial<StreamConfig> {
    const { maxDeadLetters, replicas } = this.#options;
    return {
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.Old,
      max_msgs: maxDeadLetters,
      num_replicas: replicas,
      storage: this.#storage,
    };
  }

  get #storage(): StorageType {
    return this.#options.storage === 'memory' ? StorageType.Memory : StorageType.File;
  }

  async #find(name: string, config: Partial<StreamConfig>): Promise<void> {
    try {
      await this.manager.streams.info(name);
    } catch (error) {
      if (!(error instanceof JetStreamApiError) || error.code !== STREAM_NOT_FOUND) throw error;
      await this.manager.streams.add({ ...config, name });
    }
  }
}

function readDeadLetter(stored: StoredMsg): DurableDeadLetter {
  const about = (name: string): string => stored.header.get(name);
  const { source, target } = parseSubject(about('Agentwire-Subject'));
  let message: KernelMessage | undefined;
  try {
    const received = decodeReceived(stored.string(), { source, target, now: stored.time.getTime() });
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
