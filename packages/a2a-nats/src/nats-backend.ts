import { AgentwireError, type ErrorCode, toAgentwireError } from '@agentwire/core';
import {
  hasWildcard,
  type KernelMessage,
  type RemoteBackend,
  type RemoteDelivery,
  type RemoteHost,
  type Target,
  topicMatches,
} from '@agentwire/a2a-router';
import { connect, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import {
  type NatsBackendOptions,
  type ResolvedNatsBackendOptions,
  resolveNatsBackendOptions,
} from './backend-options.ts';
import { type DurableHandler, type DurableInbox, type DurableInboxOptions, openDurableInbox } from './durable-inbox.ts';
import { type DurableDeadLetter, DurableStreams } from './durable-streams.ts';
import { fromNatsError } from './nats-errors.ts';
import { OpenReplies } from './open-replies.ts';
import { encodeToken, Subjects } from './subjects.ts';
import { TopicLosses } from './topic-losses.ts';
import { decodeReceived, encodeFailure, encodeMessage } from './wire.ts';

const DONE: Promise<void> = Promise.resolve();
const CACHED_TOPICS = 4096;

/** What a backend has done so far. */
export interface NatsBackendStats {
  /** Whether there is a connection now. */
  readonly connected: boolean;
  /** Messages handed to the server. */
  readonly sent: number;
  /** Messages taken from the server. */
  readonly received: number;
  /** Messages that could not be read, and were dropped. */
  readonly malformed: number;
  /** Messages that this router's gate, scope or inboxes refused. */
  readonly refused: number;
  /** Messages on plain topics that were published elsewhere and did not come. */
  readonly lost: number;
  /** Publications and subscriptions that the server refused by its permissions. */
  readonly violations: number;
  /** Times that the connection was lost. */
  readonly disconnects: number;
}

/** Connects a router with routers on other nodes over NATS; made by {@link createNatsBackend}. */
export class NatsBackend implements RemoteBackend {
  /** Name of this node. */
  readonly nodeId: string;
  readonly #options: ResolvedNatsBackendOptions;
  readonly #connection: NatsConnection;
  readonly #subjects: Subjects;
  readonly #durable: DurableStreams | undefined;
  readonly #replies: OpenReplies;
  readonly #losses = new TopicLosses();
  readonly #asked = new Map<string, string | undefined>();
  readonly #topics = new Map<string, Subscription>();
  readonly #services = new Map<string, Subscription>();
  readonly #listenerOf = new Map<string, string | undefined>();
  readonly #inboxes = new Set<DurableInbox>();
  readonly #stats = { sent: 0, received: 0, malformed: 0, refused: 0, violations: 0, disconnects: 0 };
  #connected = true;
  #closing = false;
  #host: RemoteHost | undefined;

  /** @internal Made by {@link createNatsBackend}. */
  constructor(options: ResolvedNatsBackendOptions, connection: NatsConnection, durable: DurableStreams | undefined) {
    this.nodeId = options.nodeId;
    this.#options = options;
    this.#connection = connection;
    this.#durable = durable;
    this.#subjects = new Subjects(options.prefix, options.nodeId);
    this.#replies = new OpenReplies(options.maxOpenReplies);
    void this.#watch();
  }

  /** What it has done so far. */
  get stats(): NatsBackendStats {
    return { ...this.#stats, connected: this.#connected, lost: this.#losses.lost };
  }

  /** The largest message that the server takes, in bytes. */
  get maxMessageBytes(): number {
    return this.#connection.info?.max_payload ?? 1024 * 1024;
  }

  attach(host: RemoteHost): void {
    if (this.#host !== undefined)
      throw new AgentwireError('ERR_INVALID_STATE', 'this backend belongs to a router already');
    this.#host = host;
    const { agents, node, replies } = this.#subjects.listening();
    this.#listen(agents, (msg) => this.#direct(msg));
    this.#listen(node, (msg) => this.#direct(msg));
    this.#listen(replies, (msg) => this.#reply(msg));
  }

  deliver(message: KernelMessage, { target, expectsReply }: RemoteDelivery): Promise<void> {
    if (!this.#connected) return Promise.reject(notConnected());
    if (message.correlationId !== undefined && this.#replies.awaits(message))
      return this.#answer(message, message.correlationId);
    if (target.kind === 'remoteNode') {
      const { nodeId, target: inner } = target;
      if (message.durable === true && inner.kind === 'service') return this.#keep(message, nodeId, inner);
      const subject = inner.kind === 'process' ? this.#subjects.agent(nodeId, inner.pid) : this.#subjects.node(nodeId);
      return this.#send(subject, message, encodeMessage(message, inner), expectsReply, nodeId);
    }
    if (target.kind === 'topic') {
      const text = encodeMessage(message, target, this.#losses.next(target.name));
      return this.#send(this.#subjects.topic(target.name), message, text, expectsReply, undefined);
    }
    const service = target.kind === 'service' || target.kind === 'serviceMethod' ? target.service : '';
    return this.#send(
      this.#subjects.service(service),
      message,
      encodeMessage(message, target),
      expectsReply,
      undefined,
    );
  }

  awaits(answer: KernelMessage): boolean {
    return this.#replies.awaits(answer);
  }

  forget(messageId: string): void {
    this.#asked.delete(messageId);
  }

  subscriptionChanged(pattern: string, subscribed: boolean): void {
    this.#listenerOf.clear();
    this.#topics.get(pattern)?.unsubscribe();
    this.#topics.delete(pattern);
    if (!subscribed) {
      this.#losses.forget((topic) => this.#listener(topic) === undefined);
      return;
    }
    const subscription = this.#listen(this.#subjects.anyTopic(pattern), (msg) => this.#published(msg, pattern));
    this.#topics.set(pattern, subscription);
  }

  serviceChanged(service: string, owned: boolean): void {
    this.#services.get(service)?.unsubscribe();
    this.#services.delete(service);
    if (!owned) return;
    const queue = encodeToken(service);
    this.#services.set(
      service,
      this.#listen(this.#subjects.anyService(service), (msg) => this.#direct(msg), queue),
    );
  }

  /**
   * Takes the messages of a durable inbox of this node, one after the other or several at once.
   *
   * Senders address it as `remoteNode(node, service(name))` with `durable: true`. A message is acknowledged once the
   * handler has resolved; it comes again after `backoffMs` when it rejects, and is a dead letter after `maxDeliver`.
   */
  async openInbox(name: string, handler: DurableHandler, options?: DurableInboxOptions): Promise<DurableInbox> {
    if (this.#durable === undefined) throw noDurable();
    if (this.#host === undefined)
      throw new AgentwireError('ERR_INVALID_STATE', 'this backend belongs to no router yet');
    const inbox = await openDurableInbox(
      {
        host: this.#host,
        streams: this.#durable,
        subjects: this.#subjects,
        clock: this.#options.clock,
        logger: this.#options.logger,
      },
      { name, nodeId: this.nodeId, handler, ...options },
    );
    this.#inboxes.add(inbox);
    return inbox;
  }

  /** The dead letters of a durable inbox of this node, oldest first, 100 at most by default. */
  deadLetters(name: string, limit = 100): Promise<DurableDeadLetter[]> {
    if (this.#durable === undefined) return Promise.reject(noDurable());
    return this.#durable.deadLetters(this.#subjects.dead(name), limit);
  }

  /** Puts a dead letter into its inbox again, and takes it from the dead letters; its source is this node then. */
  redrive(name: string, sequence: number): Promise<void> {
    if (this.#durable === undefined) return Promise.reject(noDurable());
    return this.#durable.redrive(this.#subjects.inbox(this.nodeId, name), sequence);
  }

  /** Waits until the server has taken everything that was sent. */
  async flush(): Promise<void> {
    try {
      await this.#connection.flush();
    } catch (error) {
      throw fromNatsError(error, 'flush');
    }
  }

  /** Cuts the connection now: nothing in hand is acknowledged, nothing more is sent; idempotent. */
  async abort(): Promise<void> {
    this.#closing = true;
    this.#connected = false;
    await this.#connection.close();
  }

  /** Stops taking messages, lets handlers end, hands over what was sent, and leaves; idempotent. */
  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    for (const inbox of this.#inboxes) await inbox.close();
    try {
      if (this.#connected) await this.#connection.drain();
      else await this.#connection.close();
    } catch (error) {
      this.#options.logger.debug({ error: fromNatsError(error, 'close').message }, 'the connection was gone already');
    }
    this.#connected = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #send(
    subject: string,
    message: KernelMessage,
    text: string,
    expectsReply: boolean,
    node: string | undefined,
  ): Promise<void> {
    try {
      this.#checkSize(text);
      if (expectsReply) {
        this.#asked.set(message.id, node);
        this.#connection.publish(subject, text, { reply: this.#subjects.reply(this.nodeId, message.id) });
      } else this.#connection.publish(subject, text);
      this.#stats.sent += 1;
      return DONE;
    } catch (error) {
      this.#asked.delete(message.id);
      return Promise.reject(fromNatsError(error, 'publish'));
    }
  }

  #answer(message: KernelMessage, requestId: string): Promise<void> {
    const inner: Target = message.target.kind === 'remoteNode' ? message.target.target : message.target;
    try {
      const text = encodeMessage(message, inner);
      this.#checkSize(text);
      const node = this.#replies.take(requestId) ?? '';
      this.#connection.publish(this.#subjects.reply(node, requestId), text);
      this.#stats.sent += 1;
      return DONE;
    } catch (error) {
      return Promise.reject(fromNatsError(error, 'answer'));
    }
  }

  async #keep(message: KernelMessage, nodeId: string, inner: Extract<Target, { kind: 'service' }>): Promise<void> {
    if (this.#durable === undefined) throw noDurable();
    const text = encodeMessage(message, inner);
    this.#checkSize(text);
    await this.#durable.publish(this.#subjects.inbox(nodeId, inner.service), text, messageKey(this.nodeId, message));
    this.#stats.sent += 1;
  }

  #checkSize(text: string): void {
    const limit = this.maxMessageBytes;
    if (text.length * 3 <= limit) return;
    const bytes = Buffer.byteLength(text);
    if (bytes <= limit) return;
    throw new AgentwireError(
      'ERR_MESSAGE_TOO_LARGE',
      `a message of ${bytes} bytes is over the server's limit of ${limit}`,
      {
        detail: { bytes, limit },
      },
    );
  }

  #listen(subject: string, take: (msg: Msg) => void, queue?: string): Subscription {
    return this.#connection.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, msg) => {
        if (error !== null) {
          this.#stats.violations += 1;
          this.#options.logger.error({ subject, error: error.message }, 'the server refused a subscription');
          return;
        }
        try {
          take(msg);
        } catch (problem) {
          this.#stats.malformed += 1;
          const { code, message } = toAgentwireError(problem, 'ERR_PROTOCOL');
          this.#options.logger.warn(
            { subject: msg.subject, code, error: message },
            'a message from another node was dropped',
          );
        }
      },
    });
  }

  #direct(msg: Msg): void {
    const { source, way } = Subjects.parse(msg.subject);
    const received = decodeReceived(msg.string(), source);
    if (received.kind !== 'message')
      throw new AgentwireError('ERR_PROTOCOL', 'a failure stands where a message belongs');
    const { message } = received;
    const asks = msg.reply !== undefined && msg.reply !== '';
    this.#take(message, source, asks, way !== 'topic');
  }

  #published(msg: Msg, pattern: string): void {
    const { source, rest } = Subjects.parse(msg.subject);
    const topic = rest.join('.');
    // Patterns of this node may overlap; one of them takes the message for all.
    if (this.#listener(topic) !== pattern) return;
    const received = decodeReceived(msg.string(), source);
    if (received.kind !== 'message')
      throw new AgentwireError('ERR_PROTOCOL', 'a failure stands where a message belongs');
    if (received.message.target.kind !== 'topic' || received.message.target.name !== topic) {
      throw new AgentwireError('ERR_PROTOCOL', 'a message says another topic than its subject');
    }
    const missing = received.place === undefined ? 0 : this.#losses.note(source, topic, received.place);
    if (missing > 0) this.#options.logger.warn({ source, topic, missing }, 'messages on a topic were lost');
    this.#take(received.message, source, msg.reply !== undefined && msg.reply !== '', false);
  }

  #take(message: KernelMessage, source: string, asks: boolean, tellFailure: boolean): void {
    this.#stats.received += 1;
    if (asks) this.#replies.add(message, source);
    const fail = (error: unknown): void => {
      this.#stats.refused += 1;
      const { code, message: text } = toAgentwireError(error, 'ERR_HANDLER');
      this.#options.logger.debug({ source, code }, 'a message from another node was refused');
      if (asks && tellFailure) this.#refuse(message, source, code, text);
    };
    this.#host?.receive(message).then((report) => {
      if (report.delivered > 0) return;
      if (report.rejected.length > 0) this.#stats.refused += 1;
      if (asks && tellFailure) this.#refuse(message, source, 'ERR_NO_RESPONDERS', 'nobody there received the request');
    }, fail);
  }

  #refuse(message: KernelMessage, source: string, code: ErrorCode, text: string): void {
    if (this.#replies.take(message.id) === undefined || !this.#connected) return;
    try {
      this.#connection.publish(this.#subjects.reply(source, message.id), encodeFailure(code, text));
    } catch (error) {
      this.#options.logger.debug({ error: fromNatsError(error, 'answer').message }, 'a failure could not be told');
    }
  }

  #reply(msg: Msg): void {
    const { source, rest } = Subjects.parse(msg.subject);
    const id = rest[1] ?? '';
    if (!this.#asked.has(id)) return;
    if (msg.headers?.code === 503) {
      this.#host?.fail(id, 'ERR_NO_RESPONDERS', 'no other node could take the request');
      return;
    }
    const asked = this.#asked.get(id);
    if (asked !== undefined && asked !== source) return;
    const received = decodeReceived(msg.string(), source);
    if (received.kind === 'failure') this.#host?.fail(id, received.code, received.text);
    else this.#host?.answer({ ...received.message, correlationId: id });
  }

  /** The first pattern here that a topic matches: messages that several patterns fetch are taken from this one. */
  #listener(topic: string): string | undefined {
    if (this.#listenerOf.has(topic)) return this.#listenerOf.get(topic);
    let found: string | undefined;
    for (const pattern of this.#topics.keys()) {
      if (pattern === topic || (hasWildcard(pattern) && topicMatches(pattern, topic))) {
        found = pattern;
        break;
      }
    }
    if (this.#listenerOf.size >= CACHED_TOPICS) this.#listenerOf.clear();
    this.#listenerOf.set(topic, found);
    return found;
  }

  async #watch(): Promise<void> {
    const { logger } = this.#options;
    for await (const status of this.#connection.status()) {
      if (status.type === 'disconnect') {
        this.#connected = false;
        this.#stats.disconnects += 1;
        logger.warn({ node: this.nodeId }, 'the connection to the NATS server was lost');
        for (const id of this.#asked.keys())
          this.#host?.fail(id, 'ERR_CLOSED', 'the connection to the NATS server was lost');
      } else if (status.type === 'reconnect') {
        this.#connected = true;
        logger.info({ node: this.nodeId, server: status.server }, 'connected to a NATS server again');
      } else if (status.type === 'error') {
        this.#stats.violations += 1;
        logger.error({ node: this.nodeId, error: status.error.message }, 'the NATS server refused something');
      } else if (status.type === 'close') this.#connected = false;
    }
  }
}

/**
 * Connects to NATS and gives a backend for `createA2ARouter({ backend })`.
 *
 * Rejects with `ERR_CONNECT` or `ERR_UNAUTHORIZED` if no server can be reached now; later it connects again for ever,
 * and refuses to send meanwhile (`ERR_CLOSED`, which is retryable).
 */
export async function createNatsBackend(options: NatsBackendOptions): Promise<NatsBackend> {
  const resolved = resolveNatsBackendOptions(options);
  let connection: NatsConnection;
  try {
    connection = await connect({
      ...options.auth,
      servers: typeof options.servers === 'string' ? options.servers : [...options.servers],
      name: `agentwire ${resolved.nodeId}`,
      noEcho: true,
      inboxPrefix: `_INBOX_${encodeToken(resolved.nodeId)}`,
      maxReconnectAttempts: -1,
      reconnectTimeWait: resolved.reconnectMs,
      reconnectJitter: Math.ceil(resolved.reconnectMs / 5),
    });
  } catch (error) {
    throw fromNatsError(error, 'connect');
  }
  try {
    const durable =
      options.durable === undefined
        ? undefined
        : await DurableStreams.open(connection, resolved.prefix, options.durable);
    return new NatsBackend(resolved, connection, durable);
  } catch (error) {
    await connection.close();
    throw fromNatsError(error, 'durable inboxes');
  }
}

/** Two messages with the same key are one: the key of the sender if it gave one, else the message id. */
function messageKey(nodeId: string, message: KernelMessage): string {
  return message.idempotencyKey === undefined ? message.id : `${nodeId}/${message.from}/${message.idempotencyKey}`;
}

function notConnected(): AgentwireError {
  return new AgentwireError('ERR_CLOSED', 'there is no connection to a NATS server now');
}

function noDurable(): AgentwireError {
  return new AgentwireError(
    'ERR_UNSUPPORTED',
    'this backend was made without durable inboxes; give it the option durable',
  );
}
