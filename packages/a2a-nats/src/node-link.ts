import { AgentwireError, type ErrorCode, toAgentwireError } from '@agentwire/core';
import type { RemoteHost, ServiceEntry } from '@agentwire/a2a-router/internal';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';
import { type Asked, AskedRequests } from './asked.ts';
import type { ResolvedNatsBackendOptions } from './backend-options.ts';
import { ConfirmedSends } from './confirmed-sends.ts';
import { NameConflicts } from './name-conflicts.ts';
import { PublishBatch } from './publish-batch.ts';
import { PublishRights } from './publish-rights.ts';
import type { ControlWord } from './subject-parts.ts';
import { Subjects } from './subjects.ts';
import { TopicLosses } from './topic-losses.ts';

/** Connection, counters and tables that the sending and the receiving half of one node share. */
export class NodeLink {
  readonly options: ResolvedNatsBackendOptions;
  readonly connection: NatsConnection;
  readonly subjects: Subjects;
  /** Way of messages to the server. */
  readonly batch: PublishBatch;
  /** Numbers of messages on topics. */
  readonly losses: TopicLosses = new TopicLosses();
  /** Subjects that the server lets this node publish on. */
  readonly rights: PublishRights;
  /** Other processes of this node's name. */
  readonly nameConflicts: NameConflicts;
  /** Requests of this node to other nodes. */
  readonly asked: AskedRequests = new AskedRequests();
  /** Sends of other nodes that are to be confirmed. */
  readonly sends: ConfirmedSends;
  /** Counters. */
  readonly stats = { sent: 0, received: 0, malformed: 0, refused: 0, violations: 0, disconnects: 0 };
  /** True once this node is closing and takes nothing any more. */
  leaving = false;
  /** True while there is a connection. */
  connected = true;
  /** Takes back the delayed message of a node by its subject; false without durable inboxes. */
  unschedule: (node: string, subject: string, id: string) => Promise<boolean> = () => Promise.resolve(false);
  /** Called after each new connection. */
  onReconnect: () => void = () => undefined;
  #host: RemoteHost | undefined;

  constructor(options: ResolvedNatsBackendOptions, connection: NatsConnection) {
    this.options = options;
    this.connection = connection;
    this.subjects = new Subjects(options.prefix, options.nodeId);
    this.batch = new PublishBatch(connection, options.logger, options.maxUnsentBytes);
    this.rights = new PublishRights(this.batch);
    this.sends = new ConfirmedSends(options.clock);
    this.nameConflicts = new NameConflicts(options.nodeId, options.logger, (instance) => {
      if (this.connected && !connection.isClosed()) connection.publish(this.subjects.hello(), instance);
    });
  }

  /** The router that this node belongs to; throws `ERR_INVALID_STATE` before there is one. */
  get host(): RemoteHost {
    if (this.#host === undefined) {
      throw new AgentwireError('ERR_INVALID_STATE', 'this backend belongs to no router yet');
    }
    return this.#host;
  }

  /** True once the backend was given to a router. */
  get hasHost(): boolean {
    return this.#host !== undefined;
  }

  set host(host: RemoteHost) {
    if (this.#host !== undefined) {
      throw new AgentwireError('ERR_INVALID_STATE', 'this backend belongs to a router already');
    }
    this.#host = host;
  }

  /** Resolves once no process here has a request of another node in hand. */
  answered(): Promise<void> {
    return this.#host?.answered() ?? Promise.resolve();
  }

  /** Ends every request of other nodes that is in hand here, and refuses further ones. */
  abandon(): void {
    this.leaving = true;
    this.#host?.abandon();
  }

  /** The largest message that the server takes, in bytes. */
  get maxMessageBytes(): number {
    return this.connection.info?.max_payload ?? 1024 * 1024;
  }

  /** Throws `ERR_CLOSED` while there is no connection. */
  checkConnected(): void {
    if (!this.connected) throw new AgentwireError('ERR_CLOSED', 'there is no connection to a NATS server now');
  }

  /** Throws `ERR_MESSAGE_TOO_LARGE` for a text that the server does not take. */
  checkSize(text: string): void {
    const limit = this.maxMessageBytes;
    if (text.length * 3 <= limit) return;
    const bytes = Buffer.byteLength(text);
    if (bytes <= limit) return;
    throw new AgentwireError(
      'ERR_MESSAGE_TOO_LARGE',
      `a message of ${bytes} bytes is over the server's limit of ${limit}`,
      { detail: { bytes, limit } },
    );
  }

  /** Subscribes; what `take` throws is a malformed message, which is counted and dropped. */
  listen(subject: string, take: (msg: Msg) => void, queue?: string): Subscription {
    const { stats, options } = this;
    return this.connection.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback: (error, msg) => {
        if (error !== null) {
          stats.violations += 1;
          options.logger.error({ subject, error: error.message }, 'the server refused a subscription');
          return;
        }
        try {
          take(msg);
        } catch (problem) {
          stats.malformed += 1;
          const { code, message } = toAgentwireError(problem, 'ERR_PROTOCOL');
          options.logger.warn(
            { source: msg.subject.split('.')[1], subject: msg.subject, code, error: message },
            'a message from another node was dropped',
          );
        }
      },
    });
  }

  /** Tells another node something about a request; what cannot be told now is lost, and the request ends at its deadline. */
  tell(nodeId: string, word: ControlWord, about: Readonly<Record<string, unknown>>): void {
    this.say(this.subjects.control(nodeId, word), JSON.stringify(about));
  }

  /** Publishes a note; one that cannot be published now is lost. */
  say(subject: string, text: string, reply?: string): void {
    if (!this.connected || this.connection.isClosed()) return;
    try {
      this.batch.publish(subject, text, reply);
    } catch (error) {
      this.options.logger.debug({ subject, error: String(error) }, 'another node could not be told');
    }
  }

  /** Forgets a request of this node, and tells the nodes that still work on it. */
  giveUp(id: string): void {
    const asked = this.asked.delete(id);
    if (asked === undefined || asked.confirm !== undefined) return;
    if (asked.node !== undefined) asked.holders.add(asked.node);
    for (const node of asked.holders) if (!asked.answered.has(node)) this.tell(node, 'cancel', { id });
  }

  /** The services of this node. */
  services(): readonly ServiceEntry[] {
    return this.#host?.services() ?? [];
  }

  /** Ends every request of this node, because no answer can come any more. */
  endAll(text: string): void {
    for (const asked of this.asked.list()) this.end(asked, 'ERR_CLOSED', text);
  }

  /** Ends a request of this node that no other node will answer. */
  end(asked: Asked, code: ErrorCode, text: string): void {
    if (asked.confirm === undefined) this.host.fail(asked.id, code, text);
    else asked.confirm(new AgentwireError(code, text));
  }
}
