import { AgentwireError, toAgentwireError } from '@agentwire/core';
import { hasWildcard, type KernelMessage, topicMatches } from '@agentwire/a2a-router';
import type { Msg, Subscription } from '@nats-io/transport-node';
import type { NodeLink } from './node-link.ts';
import type { Outgoing } from './outgoing.ts';
import { encodeToken, Subjects } from './subjects.ts';
import { decodeReceived, type Received } from './wire.ts';

const CACHED_TOPICS = 4096;
const NO_RESPONDERS = 503;

/** The half of a node that takes messages from the server. */
export class Incoming {
  readonly #link: NodeLink;
  readonly #outgoing: Outgoing;
  readonly #topics = new Map<string, Subscription>();
  readonly #services = new Map<string, Subscription>();
  readonly #listenerOf = new Map<string, string | undefined>();

  constructor(link: NodeLink, outgoing: Outgoing) {
    this.#link = link;
    this.#outgoing = outgoing;
  }

  /** Begins to listen to what is for this node. */
  start(): void {
    const { agents, node, replies } = this.#link.subjects.listening();
    this.#listen(agents, (msg) => this.#direct(msg));
    this.#listen(node, (msg) => this.#direct(msg));
    this.#listen(replies, (msg) => this.#reply(msg));
  }

  /** Begins or ends to listen to a topic or pattern. */
  listenToTopic(pattern: string, listen: boolean): void {
    this.#listenerOf.clear();
    this.#topics.get(pattern)?.unsubscribe();
    this.#topics.delete(pattern);
    const { subjects, losses } = this.#link;
    if (listen)
      this.#topics.set(
        pattern,
        this.#listen(subjects.anyTopic(pattern), (msg) => this.#published(msg, pattern)),
      );
    else losses.forget((topic) => this.#listener(topic) === undefined);
  }

  /** Begins or ends to take part in a service; the server gives each message to one node. */
  listenToService(service: string, listen: boolean): void {
    this.#services.get(service)?.unsubscribe();
    this.#services.delete(service);
    if (!listen) return;
    const subject = this.#link.subjects.anyService(service);
    this.#services.set(
      service,
      this.#listen(subject, (msg) => this.#direct(msg), encodeToken(service)),
    );
  }

  #listen(subject: string, take: (msg: Msg) => void, queue?: string): Subscription {
    const { connection, stats, options } = this.#link;
    return connection.subscribe(subject, {
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
            { subject: msg.subject, code, error: message },
            'a message from another node was dropped',
          );
        }
      },
    });
  }

  #direct(msg: Msg): void {
    const { source } = Subjects.parse(msg.subject);
    this.#take(expectMessage(decodeReceived(msg.string(), source)).message, source, asksForReply(msg), true);
  }

  #published(msg: Msg, pattern: string): void {
    const { source, rest } = Subjects.parse(msg.subject);
    const topic = rest.join('.');
    // Patterns of this node may overlap; one of them takes the message for all.
    if (this.#listener(topic) !== pattern) return;
    const { message, place } = expectMessage(decodeReceived(msg.string(), source));
    if (message.target.kind !== 'topic' || message.target.name !== topic) {
      throw new AgentwireError('ERR_PROTOCOL', 'a message says another topic than its subject');
    }
    const missing = place === undefined ? 0 : this.#link.losses.note(source, topic, place);
    if (missing > 0) this.#link.options.logger.warn({ source, topic, missing }, 'messages on a topic were lost');
    // Another node may still answer, so nobody is told that this one will not.
    this.#take(message, source, asksForReply(msg), false);
  }

  #take(message: KernelMessage, source: string, asks: boolean, tellFailure: boolean): void {
    const { stats, replies, options, host } = this.#link;
    stats.received += 1;
    if (asks) replies.add(message, source);
    const fail = (error: unknown): void => {
      stats.refused += 1;
      const { code, message: text } = toAgentwireError(error, 'ERR_HANDLER');
      options.logger.debug({ source, code }, 'a message from another node was refused');
      if (asks && tellFailure) this.#outgoing.refuse(message.id, source, code, text);
    };
    host.receive(message).then((report) => {
      if (report.delivered > 0) return;
      if (report.rejected.length > 0) stats.refused += 1;
      if (!asks || !tellFailure) return;
      this.#outgoing.refuse(message.id, source, 'ERR_NO_RESPONDERS', 'nobody there received the request');
    }, fail);
  }

  #reply(msg: Msg): void {
    const { source, rest } = Subjects.parse(msg.subject);
    const { asked, host } = this.#link;
    const id = rest[1] ?? '';
    if (!asked.has(id)) return;
    if (msg.headers?.code === NO_RESPONDERS) {
      host.fail(id, 'ERR_NO_RESPONDERS', 'no other node could take the request');
      return;
    }
    const only = asked.get(id);
    if (only !== undefined && only !== source) return;
    const received = decodeReceived(msg.string(), source);
    if (received.kind === 'failure') host.fail(id, received.code, received.text);
    else host.answer({ ...received.message, correlationId: id });
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
}

function asksForReply(msg: Msg): boolean {
  return msg.reply !== undefined && msg.reply !== '';
}

function expectMessage(received: Received): Extract<Received, { kind: 'message' }> {
  if (received.kind === 'message') return received;
  throw new AgentwireError('ERR_PROTOCOL', 'a failure stands where a message belongs');
}
