import { AgentwireError } from '@agentwire/core';
import { checkInteger } from '@agentwire/core/internal';
import type { JsonValue, KernelMessage } from '@agentwire/a2a-router';
import type {
  ProcessWatch,
  RemoteBackend,
  RemoteDelivery,
  RemoteExit,
  RemoteHost,
} from '@agentwire/a2a-router/internal';
import type { NatsConnection } from '@nats-io/transport-node';
import type { ResolvedNatsBackendOptions } from './backend-options.ts';
import type { DurableDeadLetter } from './durable-dead-letter.ts';
import type { DurableInbox } from './durable-inbox.ts';
import { DurableInboxes } from './durable-inboxes.ts';
import type { DurableHandler, DurableInboxOptions } from './durable-options.ts';
import type { DurableStreams } from './durable-streams.ts';
import { Answers } from './answers.ts';
import { CLOSED, leave } from './closing.ts';
import { Incoming } from './incoming.ts';
import { followConnection } from './follow-connection.ts';
import { fromNatsError } from './nats-errors.ts';
import type { NodePresence } from './known-node.ts';
import { NodeLink } from './node-link.ts';
import { Micro } from './micro.ts';
import { Outgoing } from './outgoing.ts';
import { Presence } from './presence.ts';

/** Counters of a backend. */
export interface NatsBackendStats {
  /** True while there is a connection. */
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
  /** Other processes seen under this node's name. */
  readonly nameConflicts: number;
  /** Times that the connection was lost. */
  readonly disconnects: number;
}

/** Connects a router with routers on other nodes over NATS; made by `createNatsBackend`. */
export class NatsBackend implements RemoteBackend {
  /** Name of this node. */
  readonly nodeId: string;
  readonly #link: NodeLink;
  readonly #outgoing: Outgoing;
  readonly #incoming: Incoming;
  readonly #answers: Answers;
  readonly #presence: Presence;
  readonly #micro: Micro | undefined;
  readonly #inboxes: DurableInboxes;
  #closing: Promise<void> | undefined;

  /** @internal Made by `createNatsBackend`. */
  constructor(options: ResolvedNatsBackendOptions, connection: NatsConnection, durable: DurableStreams | undefined) {
    this.nodeId = options.nodeId;
    this.#link = new NodeLink(options, connection);
    if (durable !== undefined)
      this.#link.unschedule = (node, subject, id) => durable.delayed.unschedule(node, subject, id);
    this.#inboxes = new DurableInboxes(this.#link, durable);
    this.#outgoing = new Outgoing(this.#link, durable);
    this.#presence = new Presence(this.#link);
    this.#micro = options.micro ? new Micro(this.#link) : undefined;
    this.#incoming = new Incoming(this.#link, this.#micro);
    this.#answers = new Answers(this.#link, this.#presence);
    void followConnection(this.#link);
  }

  /** Counters. */
  get stats(): NatsBackendStats {
    const { stats, connected, losses, nameConflicts } = this.#link;
    return { ...stats, connected, lost: losses.lost, nameConflicts: nameConflicts.seen };
  }

  /** The largest message that the server takes, in bytes. */
  get maxMessageBytes(): number {
    return this.#link.maxMessageBytes;
  }

  /** Called by the router that it is given to, once; throws `ERR_INVALID_STATE` the second time. */
  attach(host: RemoteHost): void {
    this.#link.host = host;
    this.#incoming.start();
    this.#answers.start();
    this.#link.onReconnect = () => this.#presence.reconnected();
    this.#presence.start();
    this.#micro?.start();
  }

  /** Called by the router when it ends: it takes part in nothing any more. */
  detach(): void {
    this.#incoming.stop();
    this.#presence.stop();
  }

  /** Hands a message to the server; rejects with `ERR_CLOSED`, `ERR_MESSAGE_TOO_LARGE`, and for durable ones `ERR_INBOX_FULL`. */
  deliver(message: KernelMessage, delivery: RemoteDelivery): Promise<void> {
    return this.#outgoing.deliver(message, delivery);
  }

  /** Forgets a request of this node; the nodes that still work on it are told. */
  forget(messageId: string): void {
    this.#link.giveUp(messageId);
  }

  /** Tells the writer of a streamed answer that its reader has room, each time that half of the window is free. */
  partRead(messageId: string): void {
    const asked = this.#link.asked.get(messageId);
    const read = asked?.parts?.partRead();
    if (asked === undefined || read === undefined) return;
    for (const node of asked.holders) this.#link.tell(node, 'credit', { id: messageId, read });
  }

  /** Begins or ends to watch a process of another node; one that is not heard of for three announcements counts as gone. */
  watchProcess(nodeId: string, { pid, by, link }: ProcessWatch, on: boolean): void {
    this.#link.tell(nodeId, on ? 'watch' : 'unwatch', { pid, by, link });
    if (on) this.#presence.known.expect(nodeId);
  }

  /** Tells a node that watches a process here of its end. */
  tellExit(nodeId: string, pid: number, exit: RemoteExit): void {
    this.#link.tell(nodeId, 'exited', { pid, ...exit });
  }

  /** Begins or ends to listen to a topic or pattern. */
  subscriptionChanged(pattern: string, subscribed: boolean): void {
    this.#incoming.listenToTopic(pattern, subscribed);
  }

  /** The schemas that other nodes announce for the arguments of a method. */
  announcedArgs(service: string, method: string, nodeId: string | undefined): readonly JsonValue[] {
    return this.#presence.known.argsOf(service, method, nodeId);
  }

  /** Begins or ends to take part in a service. */
  serviceChanged(service: string, owned: boolean): void {
    this.#incoming.listenToService(service, owned);
    this.#micro?.changed(service, owned);
    this.#presence.changed();
  }

  /**
   * Takes the messages of a durable inbox of this node, one after the other or several at once.
   *
   * Senders address it as `remoteNode(node, service(name))` with `durable: true`. A message is acknowledged once the
   * handler has resolved; it comes again after `backoffMs` when it rejects, and is a dead letter after `maxDeliver`.
   * Rejects with `ERR_INVALID_STATE` before this backend was given to a router, which admits each message.
   */
  async openInbox(name: string, handler: DurableHandler, options?: DurableInboxOptions): Promise<DurableInbox> {
    if (typeof handler !== 'function')
      throw new AgentwireError('ERR_INVALID_ARGUMENT', `a handler must be a function, got ${typeof handler}`);
    return this.#inboxes.add(name, handler, options);
  }

  /**
   * Takes back a message that this node sent with `notBefore` to an inbox of another; false once its time has come, and for one that never was.
   *
   * Rejects with `ERR_NO_RESPONDERS` while that node is not there, `ERR_TIMEOUT`, and `ERR_CLOSED` without a connection.
   */
  cancelDelayed(nodeId: string, inbox: string, messageId: string): Promise<boolean> {
    return this.#outgoing.cancelDelayed(nodeId, inbox, messageId);
  }

  /** The dead letters of a durable inbox of this node, oldest first, 100 at most by default. */
  async deadLetters(name: string, limit = 100): Promise<DurableDeadLetter[]> {
    return this.#inboxes.deadLetters(name, checkInteger('limit', limit, 1, 1_000_000));
  }

  /**
   * Puts a dead letter of an inbox into that inbox again, and takes it from the dead letters.
   *
   * It keeps its sender and its deadline, and `acceptRemote`, gate and scope are asked again.
   */
  async redrive(name: string, sequence: number): Promise<void> {
    await this.#inboxes.redrive(name, checkInteger('sequence', sequence, 1, Number.MAX_SAFE_INTEGER));
  }

  /**
   * The nodes that are there, this one first, with version, metadata and services.
   *
   * A node is known from its first sign of life, asked for when this one starts, until it leaves or three stay out. Holds 10 000 at most.
   */
  nodes(): NodePresence[] {
    return this.#presence.list();
  }

  /** Waits until the server has taken everything that was sent. */
  async flush(): Promise<void> {
    try {
      await this.#link.batch.flush();
    } catch (error) {
      throw fromNatsError(error, 'flush');
    }
  }

  /** Cuts the connection now: nothing in hand is acknowledged, nothing more is sent; idempotent. */
  abort(): Promise<void> {
    this.#link.connected = false;
    this.#presence.abort();
    this.#link.endAll(CLOSED);
    this.#closing ??= this.#link.connection.close();
    return this.#closing;
  }

  /**
   * Leaves its services, lets what is in hand be answered and handled, hands over what was sent, and leaves.
   *
   * Takes `closeTimeoutMs` at most; rejects with `ERR_TIMEOUT` or `ERR_CLOSED` if something that was sent may not have
   * been handed over. Every call gives the same promise.
   */
  close(): Promise<void> {
    this.#closing ??= leave({
      link: this.#link,
      incoming: this.#incoming,
      presence: this.#presence,
      inboxes: this.#inboxes.open,
      writing: this.#outgoing.writing,
    });
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
