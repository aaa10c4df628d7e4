import { AgentwireError, type TimerHandle } from '@agentwire/core';
import { createMessage, type KernelMessage, payload, type Target, target } from '@agentwire/a2a-router';
import type { RemoteDelivery } from '@agentwire/a2a-router/internal';
import type { DurableStreams } from './durable-streams.ts';
import { MAX_WAIT_MS, sentHeaders } from './durable-headers.ts';
import { withoutDurable } from './durable-inboxes.ts';
import { messageKey } from './message-key.ts';
import { fromNatsError } from './nats-errors.ts';
import type { NodeLink } from './node-link.ts';
import { encodeMessage, type MessageAbout } from './wire.ts';

const CONFIRM_MS = 5000;
const DONE: Promise<void> = Promise.resolve();

type Inner = Exclude<Target, { kind: 'remoteNode' }>;

/** The half of a node that hands messages to the server. */
export class Outgoing {
  readonly #link: NodeLink;
  readonly #durable: DurableStreams | undefined;
  /** Durable messages that the server has not confirmed yet. */
  readonly writing: Set<Promise<void>> = new Set();

  constructor(link: NodeLink, durable: DurableStreams | undefined) {
    this.#link = link;
    this.#durable = durable;
  }

  /** Hands a message over; rejects with `ERR_CLOSED` while there is no connection. */
  deliver(message: KernelMessage, delivery: RemoteDelivery): Promise<void> {
    try {
      // what is to be confirmed tells a message that did not leave from one that may have arrived.
      if (delivery.confirm === true && !this.#link.connected)
        throw new AgentwireError('ERR_NO_RESPONDERS', 'there is no connection to a NATS server now');
      this.#link.checkConnected();
      const to = delivery.target;
      if (to.kind === 'remoteNode') return this.#toNode(message, to, delivery);
      switch (to.kind) {
        case 'topic':
          return this.#publish(message, to, delivery.expectsReply);
        case 'service':
          return this.#toService(this.#link.subjects.service(to.service), message, delivery);
        case 'serviceMethod':
          return this.#toService(this.#link.subjects.service(to.service, to.method), message, delivery);
        default:
          throw new AgentwireError('ERR_UNSUPPORTED', `a ${to.kind} target does not leave its node`);
      }
    } catch (error) {
      this.#link.asked.delete(message.id);
      return Promise.reject(fromNatsError(error, 'publish'));
    }
  }

  #toService(
    subject: string,
    message: KernelMessage,
    { target: to, expectsReply, confirm, window }: RemoteDelivery,
  ): Promise<void> {
    if (confirm !== true) return this.#send(subject, message, to, expectsReply, { window });
    const text = encodeMessage(message, innerOf(to), this.#link.options.clock.wallNow(), { confirm: true });
    this.#link.checkSize(text);
    return this.#confirmed(message, to, subject, text, 'no node confirmed that it has the message').then((refusal) => {
      if (refusal !== undefined) throw refusal;
      this.#link.stats.sent += 1;
    });
  }

  /** Publishes something that another node confirms, and gives its refusal; undefined when it has confirmed it. */
  async #confirmed(
    message: KernelMessage,
    to: Target,
    subject: string,
    text: string,
    lateText: string,
  ): Promise<AgentwireError | undefined> {
    const { batch, subjects, asked, options } = this.#link;
    let timer: TimerHandle;
    try {
      return await new Promise<AgentwireError | undefined>((confirm) => {
        timer = options.clock.setTimeout(() => confirm(new AgentwireError('ERR_TIMEOUT', lateText)), CONFIRM_MS);
        batch.publish(subject, text, subjects.replyHere(asked.add(message, to, subject, { confirm })));
      });
    } catch (error) {
      throw fromNatsError(error, 'publish');
    } finally {
      options.clock.clearTimeout(timer);
      asked.delete(message.id);
    }
  }

  #toNode(
    message: KernelMessage,
    to: Extract<Target, { kind: 'remoteNode' }>,
    { expectsReply, window }: RemoteDelivery,
  ): Promise<void> {
    const { subjects } = this.#link;
    const { nodeId, target: inner } = to;
    if (message.durable === true && inner.kind === 'service')
      return this.#track(this.#keep(message, to, inner, { expectsReply, window }));
    const subject = inner.kind === 'process' ? subjects.agent(nodeId, inner.pid) : subjects.node(nodeId, inner);
    return this.#send(subject, message, to, expectsReply, { window });
  }

  #publish(message: KernelMessage, to: Extract<Target, { kind: 'topic' }>, expectsReply: boolean): Promise<void> {
    const { losses, subjects } = this.#link;
    const subject = subjects.topic(to.name);
    const place = losses.next(to.name);
    try {
      return this.#send(subject, message, to, expectsReply, { place });
    } catch (error) {
      // what never left is not lost on the way.
      losses.takeBack(to.name);
      throw error;
    }
  }

  #send(
    subject: string,
    message: KernelMessage,
    to: Target,
    expectsReply: boolean,
    about: MessageAbout,
  ): Promise<void> {
    const { batch, subjects, asked, options, rights, stats } = this.#link;
    const text = encodeMessage(message, innerOf(to), options.clock.wallNow(), about);
    this.#link.checkSize(text);
    if (expectsReply) {
      batch.publish(subject, text, subjects.replyHere(asked.add(message, to, subject, { window: about.window })));
    } else batch.publish(subject, text);
    stats.sent += 1;
    return rights.has(subject) ? DONE : rights.confirm(subject);
  }

  /** Asks a node to take back a delayed message of this one; false when it is not there any more. */
  async cancelDelayed(nodeId: string, inbox: string, id: string): Promise<boolean> {
    this.#link.checkConnected();
    const to = target.remoteNode(nodeId, target.service(inbox));
    const question = createMessage(0, to, payload.text(''), {}, this.#link.options.clock);
    const subject = this.#link.subjects.control(nodeId, 'unschedule');
    const lateText = 'the node did not say whether it cancelled';
    const refusal = await this.#confirmed(question, to, subject, JSON.stringify({ inbox, id }), lateText);
    if (refusal === undefined) return true;
    if (refusal.code === 'ERR_REQUEST_ENDED') return false;
    throw refusal;
  }

  #track(work: Promise<void>): Promise<void> {
    const settled: Promise<void> = work.then(undefined, () => undefined).finally(() => this.writing.delete(settled));
    this.writing.add(settled);
    return work;
  }

  /** Two messages of one sender to one inbox with the same key are one: the key of the sender if it gave one, else the message id. */
  async #keep(
    message: KernelMessage,
    to: Extract<Target, { kind: 'remoteNode' }>,
    inner: Extract<Target, { kind: 'service' }>,
    { expectsReply, window }: Pick<RemoteDelivery, 'expectsReply' | 'window'>,
  ): Promise<void> {
    if (this.#durable === undefined) throw withoutDurable();
    const { subjects, options, stats, asked } = this.#link;
    const wait = message.notBefore === undefined ? 0 : message.notBefore - options.clock.wallNow();
    if (wait > MAX_WAIT_MS)
      throw new AgentwireError('ERR_INVALID_ARGUMENT', `notBefore is ${wait} ms ahead, over ${MAX_WAIT_MS}`);
    const subject =
      wait > 0
        ? subjects.later(to.nodeId, inner.service)
        : subjects.inbox(to.nodeId, inner.service, message.priority === 'high');
    const text = encodeMessage(message, inner, options.clock.wallNow(), { window });
    this.#link.checkSize(text);
    const release = this.#link.batch.hold(text);
    const key = messageKey(to.nodeId, inner.service, options.nodeId, message);
    try {
      const replyTo = expectsReply
        ? subjects.replyHere(asked.add(message, to, subject, { window, durable: true }))
        : undefined;
      const about = sentHeaders(message.id, replyTo, wait);
      const isNew = await this.#durable.publish(subject, text, key, about);
      stats.sent += 1;
      if (isNew || !expectsReply) return;
      throw new AgentwireError(
        'ERR_DUPLICATE_REQUEST',
        'a message with the same key was taken before; its answer goes to that request',
      );
    } catch (error) {
      asked.delete(message.id);
      throw error;
    } finally {
      release();
    }
  }
}

function innerOf(to: Target): Inner {
  const inner = to.kind === 'remoteNode' ? to.target : to;
  if (inner.kind === 'remoteNode')
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'a remote node inside a remote node');
  return inner;
}
