import { AgentwireError, toAgentwireError } from '@agentwire/core';
import { target } from '@agentwire/a2a-router';
import type { Msg } from '@nats-io/transport-node';
import type { Asked } from './asked.ts';
import type { NodeLink } from './node-link.ts';
import { decodeAbsent, isAnnouncement } from './note-text.ts';
import type { Presence } from './presence.ts';
import { decodeAnnouncement } from './presence-text.ts';
import { parseSubject } from './subject-parts.ts';
import { decodeReceived, type Received } from './wire.ts';

const NO_RESPONDERS = 503;
/** Nodes that one request is cancelled on at most. */
const MAX_HOLDERS = 1000;

/** Takes the answers to requests of this node: from who was asked, once from each, on the subject of that one request. */
export class Answers {
  readonly #link: NodeLink;
  readonly #presence: Presence;

  constructor(link: NodeLink, presence: Presence) {
    this.#link = link;
    this.#presence = presence;
  }

  /** Begins to listen. */
  start(): void {
    const { replies } = this.#link.subjects.listening();
    this.#link.listen(replies, (msg) => this.#take(msg));
  }

  #take(msg: Msg): void {
    const { asked: all, options } = this.#link;
    const { source, way, node, rest } = parseSubject(msg.subject);
    if (way !== 'reply' || node !== options.nodeId) {
      throw new AgentwireError('ERR_PROTOCOL', 'an answer came on another way than its subject says');
    }
    const asked = all.find(rest[1] ?? '');
    if (asked === undefined) {
      if (rest[1] === this.#presence.known.checks.token) this.#note(source, msg);
      else this.#late(source, msg);
      return;
    }
    if (msg.headers !== undefined) {
      // the server answers on the very subject that this node gave; no other node may publish under this node's name.
      if (source !== options.nodeId || msg.headers.code !== NO_RESPONDERS)
        throw new AgentwireError('ERR_PROTOCOL', 'an answer has headers, which only the server writes');
      if (asked.node !== undefined) asked.answered.add(asked.node);
      this.#link.end(asked, 'ERR_NO_RESPONDERS', 'no other node could take the request');
      return;
    }
    if (asked.node !== undefined && asked.node !== source)
      throw new AgentwireError('ERR_PROTOCOL', 'an answer came from a node that was not asked');
    if (asked.answered.has(source)) return;
    const now = options.clock.wallNow();
    const received = decodeReceived(msg.string(), { source, target: target.process(asked.from), now });
    switch (received.kind) {
      case 'working':
        this.#working(asked, source);
        break;
      case 'taken':
        asked.answered.add(source);
        asked.confirm?.(undefined);
        break;
      case 'failure':
        asked.answered.add(source);
        inTurn(asked, () => this.#failed(asked, received.code, received.text));
        break;
      default:
        if (asked.confirm === undefined) this.#answer(asked, source, received);
    }
  }

  /** Takes the answer to a question for requests, or the announcement of a node that may make none; the server's own answer says that the node is not there, of which it is told in another way. */
  #note(source: string, msg: Msg): void {
    if (msg.headers !== undefined) return;
    const text = msg.string();
    if (isAnnouncement(text)) this.#presence.take(source, decodeAnnouncement(text));
    else this.#presence.known.checks.take(source, decodeAbsent(text));
  }

  /** Tells a node that works on a request which has ended, and no other one. */
  #late(source: string, msg: Msg): void {
    if (msg.headers !== undefined) return;
    const { options } = this.#link;
    const received = decodeReceived(msg.string(), { source, target: target.kernel, now: options.clock.wallNow() });
    if (received.kind === 'working') this.#link.tell(source, 'cancel', { id: received.id });
  }

  /** A service has one writer of a stream, so a second one is told that it is not wanted. */
  #working(asked: Asked, source: string): void {
    const [first] = asked.holders;
    if (asked.holders.size >= MAX_HOLDERS || (asked.parts !== undefined && first !== undefined && first !== source))
      this.#link.tell(source, 'cancel', { id: asked.id });
    else asked.holders.add(source);
  }

  #answer(asked: Asked, source: string, { message, part }: Extract<Received, { kind: 'message' }>): void {
    const { options, host } = this.#link;
    if (asked.pid !== undefined && asked.pid !== message.from)
      throw new AgentwireError('ERR_PROTOCOL', 'an answer came from a process that was not asked');
    const isPart = message.streamed === 'part';
    if (asked.parts === undefined) {
      if (isPart || message.streamed === 'end')
        throw new AgentwireError('ERR_PROTOCOL', 'a part of a stream answers a request for one answer');
    } else {
      const [writer] = asked.holders;
      if (writer !== undefined && writer !== source)
        throw new AgentwireError('ERR_PROTOCOL', 'a part of an answer came from a node that does not write it');
      asked.holders.add(source);
      try {
        asked.parts.take(part, isPart);
      } catch (error) {
        const { code, message: text } = toAgentwireError(error, 'ERR_PROTOCOL');
        inTurn(asked, () => this.#failed(asked, code, text));
        throw error;
      }
    }
    if (!isPart) asked.answered.add(source);
    inTurn(asked, () =>
      host.answer({ ...message, correlationId: asked.id }).then(
        () => {
          // all answers of that one node have been gathered.
          if (!isPart && !asked.topic) host.fail(asked.id, 'ERR_NO_RESPONDERS', 'no further answer will come');
        },
        (error: unknown) => {
          const { code, message: text } = toAgentwireError(error, 'ERR_HANDLER');
          this.#link.stats.refused += 1;
          options.logger.debug({ source, code }, 'an answer from another node was refused');
          this.#failed(asked, code, text);
        },
      ),
    );
  }

  /** Ends a request unless other nodes may still answer it. */
  #failed(asked: Asked, code: Parameters<NodeLink['host']['fail']>[1], text: string): void {
    if (asked.topic) return;
    // a node that is closing has refused a send for certain, where a connection that is lost leaves it open.
    const isRefused = asked.confirm !== undefined && code === 'ERR_CLOSED';
    this.#link.end(asked, isRefused ? 'ERR_NO_RESPONDERS' : code, text);
  }
}

/** Parts of a stream are handed over one after the other; single answers at once. */
function inTurn(asked: Asked, work: () => Promise<void> | void): void {
  if (asked.parts === undefined) void work();
  else asked.parts.inTurn(work);
}
