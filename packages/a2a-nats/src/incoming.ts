import { AgentwireError, toAgentwireError } from '@agentwire/core';
import type { RemoteReply } from '@agentwire/a2a-router/internal';
import type { Msg, Subscription } from '@nats-io/transport-node';
import { takeControl } from './control.ts';
import type { Micro } from './micro.ts';
import type { NodeLink } from './node-link.ts';
import { TopicListening } from './topic-listening.ts';
import { openReply, tellTaken } from './remote-reply.ts';
import { parseSubject, type SubjectParts } from './subject-parts.ts';
import { encodeToken } from './subject-token.ts';
import { IncomingLimit } from './incoming-limit.ts';
import { decodeReceived, type Received } from './wire.ts';

type Taken = Extract<Received, { kind: 'message' }>;

/** The half of a node that takes messages from the server. */
export class Incoming {
  readonly #link: NodeLink;
  readonly #micro: Micro | undefined;
  readonly #waiting: IncomingLimit;
  readonly #topics: TopicListening;
  readonly #services = new Map<string, Subscription>();

  constructor(link: NodeLink, micro: Micro | undefined) {
    this.#link = link;
    this.#micro = micro;
    this.#topics = new TopicListening(link, (msg) => this.#published(msg));
    this.#waiting = new IncomingLimit(link.options.maxWaiting, link.options.maxWaitingBytes);
  }

  /** Begins to listen to what is for this node. */
  start(): void {
    const { agents, node } = this.#link.subjects.listening();
    this.#listen(agents, (msg) => this.#direct(msg, 'agent'));
    this.#listen(node, (msg) => this.#direct(msg, 'node'));
    this.#link.nameConflicts.greet();
  }

  /** Takes part in no service and listens to no topic any more, so that others get what comes now. */
  stop(): void {
    for (const service of this.#services.values()) leaveGroup(service);
    this.#topics.stop();
    this.#services.clear();
  }

  /** Begins or ends to listen to a topic or pattern. */
  listenToTopic(pattern: string, listen: boolean): void {
    this.#topics.listen(pattern, listen);
  }

  /** Begins or ends to take part in a service; the server gives each message to one node. */
  listenToService(service: string, listen: boolean): void {
    const before = this.#services.get(service);
    if (before !== undefined) leaveGroup(before);
    this.#services.delete(service);
    if (!listen) return;
    const subject = this.#link.subjects.anyService(service);
    this.#services.set(
      service,
      this.#listen(subject, (msg) => this.#direct(msg, 'service'), encodeToken(service)),
    );
  }

  #listen(subject: string, take: (msg: Msg) => void, queue?: string): Subscription {
    return this.#link.listen(subject, take, queue);
  }

  /** Takes what came for one agent, for this node, or for a service of it. */
  #direct(msg: Msg, way: SubjectParts['way']): void {
    const parts = parseSubject(msg.subject);
    // a server can be made to bring what it keeps to any subject, but not under another name than it was sent to.
    if (parts.way !== way || (parts.node !== undefined && parts.node !== this.#link.options.nodeId)) {
      throw new AgentwireError('ERR_PROTOCOL', 'a message came on another way than its subject says');
    }
    if (parts.target === undefined) {
      takeControl(this.#link, parts, msg);
      return;
    }
    const received = this.#read(msg, parts);
    this.#take(received, msg, parts.source, true);
  }

  #published(msg: Msg): void {
    const parts = parseSubject(msg.subject);
    if (parts.way !== 'topic' || parts.target?.kind !== 'topic') {
      throw new AgentwireError('ERR_PROTOCOL', 'a message came on another way than its subject says');
    }
    const topic = parts.target.name;
    const received = this.#read(msg, parts);
    const { place } = received;
    if (place === undefined) throw new AgentwireError('ERR_PROTOCOL', 'a message on a topic has no place');
    const missing = this.#link.losses.note(parts.source, topic, place);
    if (missing === undefined) return;
    if (missing > 0)
      this.#link.options.logger.warn({ source: parts.source, topic, missing }, 'messages on a topic were lost');
    this.#take({ ...received, confirm: false, window: undefined }, msg, parts.source, false);
  }

  #take({ message, confirm, window }: Taken, msg: Msg, source: string, tellFailure: boolean): void {
    const { stats, options, host, sends } = this.#link;
    stats.received += 1;
    const done = this.#micro?.called(message.target);
    const back = openReply(this.#link, { source, id: message.id, replyTo: msg.reply, tellFailure, window });
    const reply = done === undefined || back === undefined ? back : counted(back, done);
    if (back === undefined || confirm) done?.();
    if (this.#link.leaving) {
      stats.refused += 1;
      reply?.fail('ERR_CLOSED', 'the node is closing');
      return;
    }
    const bytes = msg.data.length;
    try {
      this.#waiting.enter(source, bytes);
    } catch (error) {
      const { code, message: text } = toAgentwireError(error, 'ERR_OVERLOADED');
      stats.refused += 1;
      options.logger.warn({ source, code }, text);
      reply?.fail(code, text);
      return;
    }
    if (confirm) sends.add(source, message.id, msg.reply);
    host.receive(message, confirm ? undefined : reply).then(
      (report) => {
        this.#waiting.leave(source, bytes);
        if (report.delivered > 0) {
          if (!confirm) return;
          sends.taken(source, message.id);
          tellTaken(this.#link, source, msg.reply);
          return;
        }
        if (confirm) sends.refused(source, message.id);
        if (report.rejected.length > 0) stats.refused += 1;
        reply?.fail('ERR_NO_RESPONDERS', 'no process there received the request');
      },
      (error: unknown) => {
        this.#waiting.leave(source, bytes);
        if (confirm) sends.refused(source, message.id);
        stats.refused += 1;
        const { code, message: text } = toAgentwireError(error, 'ERR_HANDLER');
        options.logger.debug({ source, code }, 'a message from another node was refused');
        reply?.fail(code, text);
      },
    );
  }

  #read(msg: Msg, { source, target }: SubjectParts): Taken {
    if (target === undefined) throw new AgentwireError('ERR_PROTOCOL', 'a subject names no target');
    const now = this.#link.options.clock.wallNow();
    const received = decodeReceived(msg.string(), { source, target, now });
    if (received.kind === 'message') return received;
    throw new AgentwireError('ERR_PROTOCOL', 'a failure stands where a message belongs');
  }
}

/** Tells when a call is answered or has failed. */
function counted(reply: RemoteReply, done: (failure?: string) => void): RemoteReply {
  return {
    ...reply,
    answer: (message) => {
      reply.answer(message);
      if (message.streamed !== 'part') done(message.streamed === 'error' ? 'the handler failed' : undefined);
    },
    fail: (code, text) => {
      done(`${code}: ${text}`);
      reply.fail(code, text);
    },
  };
}

/** Ends a subscription, and still takes what the server has sent before it knew. */
function leaveGroup(subscription: Subscription): void {
  subscription.drain().catch(() => undefined);
}
