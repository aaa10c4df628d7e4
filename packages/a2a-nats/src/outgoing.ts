import { AgentwireError, type ErrorCode } from '@agentwire/core';
import type { KernelMessage, RemoteDelivery, Target } from '@agentwire/a2a-router';
import type { DurableStreams } from './durable-streams.ts';
import { fromNatsError } from './nats-errors.ts';
import type { NodeLink } from './node-link.ts';
import { encodeFailure, encodeMessage } from './wire.ts';

const DONE: Promise<void> = Promise.resolve();

/** The half of a node that hands messages to the server. */
export class Outgoing {
  readonly #link: NodeLink;
  readonly #durable: DurableStreams | undefined;

  constructor(link: NodeLink, durable: DurableStreams | undefined) {
    this.#link = link;
    this.#durable = durable;
  }

  /** Hands a message over; rejects with `ERR_CLOSED` while there is no connection. */
  deliver(message: KernelMessage, { target, expectsReply }: RemoteDelivery): Promise<void> {
    const { subjects, replies, connected } = this.#link;
    if (!connected)
      return Promise.reject(new AgentwireError('ERR_CLOSED', 'there is no connection to a NATS server now'));
    if (message.correlationId !== undefined && replies.awaits(message))
      return this.#answer(message, message.correlationId);
    switch (target.kind) {
      case 'remoteNode': {
        const { nodeId, target: inner } = target;
        if (message.durable === true && inner.kind === 'service') return this.#keep(message, nodeId, inner);
        const subject = inner.kind === 'process' ? subjects.agent(nodeId, inner.pid) : subjects.node(nodeId);
        return this.#send(subject, message, encodeMessage(message, inner), expectsReply, nodeId);
      }
      case 'topic':
        return this.#publish(message, target, expectsReply);
      case 'service':
      case 'serviceMethod':
        return this.#send(
          subjects.service(target.service),
          message,
          encodeMessage(message, target),
          expectsReply,
          undefined,
        );
      default:
        return Promise.reject(new AgentwireError('ERR_UNSUPPORTED', `a ${target.kind} target does not leave its node`));
    }
  }

  /** Tells the node that asked that its request failed here; quietly nothing if it cannot be told. */
  refuse(messageId: string, node: string, code: ErrorCode, text: string): void {
    const { connection, connected, subjects, replies, options } = this.#link;
    if (replies.take(messageId) === undefined || !connected) return;
    try {
      connection.publish(subjects.reply(node, messageId), encodeFailure(code, text));
    } catch (error) {
      options.logger.debug({ error: fromNatsError(error, 'answer').message }, 'a failure could not be told');
    }
  }

  #publish(message: KernelMessage, target: Extract<Target, { kind: 'topic' }>, expectsReply: boolean): Promise<void> {
    const { losses, subjects } = this.#link;
    const text = encodeMessage(message, target, losses.next(target.name));
    const sent = this.#send(subjects.topic(target.name), message, text, expectsReply, undefined);
    // What never left is not lost on the way.
    if (sent !== DONE) losses.takeBack(target.name);
    return sent;
  }

  #send(
    subject: string,
    message: KernelMessage,
    text: string,
    expectsReply: boolean,
    node: string | undefined,
  ): Promise<void> {
    const { connection, subjects, asked, options, stats } = this.#link;
    try {
      this.#checkSize(text);
      if (expectsReply) {
        asked.set(message.id, node);
        connection.publish(subject, text, { reply: subjects.reply(options.nodeId, message.id) });
      } else connection.publish(subject, text);
      stats.sent += 1;
      return DONE;
    } catch (error) {
      asked.delete(message.id);
      return Promise.reject(fromNatsError(error, 'publish'));
    }
  }

  #answer(message: KernelMessage, requestId: string): Promise<void> {
    const { connection, subjects, replies, stats } = this.#link;
    const inner = message.target.kind === 'remoteNode' ? message.target.target : message.target;
    try {
      const text = encodeMessage(message, inner);
      this.#checkSize(text);
      connection.publish(subjects.reply(replies.take(requestId) ?? '', requestId), text);
      stats.sent += 1;
      return DONE;
    } catch (error) {
      return Promise.reject(fromNatsError(error, 'answer'));
    }
  }

  async #keep(message: KernelMessage, nodeId: string, inner: Extract<Target, { kind: 'service' }>): Promise<void> {
    if (this.#durable === undefined) {
      throw new AgentwireError('ERR_UNSUPPORTED', 'this backend was made without the option durable');
    }
    const { subjects, options, stats } = this.#link;
    const text = encodeMessage(message, inner);
    this.#checkSize(text);
    // Two messages with the same key are one: the key of the sender if it gave one, else the message id.
    const { idempotencyKey, from, id } = message;
    const key = idempotencyKey === undefined ? id : `${options.nodeId}/${from}/${idempotencyKey}`;
    await this.#durable.publish(nodeId, subjects.inbox(nodeId, inner.service), text, key);
    stats.sent += 1;
  }

  #checkSize(text: string): void {
    const limit = this.#link.maxMessageBytes;
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
}
