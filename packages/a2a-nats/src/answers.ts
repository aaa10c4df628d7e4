import { AgentwireError, toAgentwireError } from '@agentwire/core';
import { target } from '@agentwire/a2a-router';
import type { Msg } from '@nats-io/transport-node';
import type { Asked } from './asked.ts';
import type { NodeLink } from './node-link.ts';
import { parseSubject } from './subject-parts.ts';
import { decodeReceived } from './wire.ts';

const NO_RESPONDERS = 503;

/** Takes the answers to requests of this node: from who was asked, once from each, on the subject of that one request. */
export class Answers {
  readonly #link: NodeLink;

  constructor(link: NodeLink) {
    this.#link = link;
  }

  /** Begins to listen. */
  start(): void {
    const { replies } = this.#link.subjects.listening();
    this.#link.listen(replies, (msg) => this.#take(msg));
  }

  #take(msg: Msg): void {
    const { asked: all, options, host } = this.#link;
    const { source, way, node, rest } = parseSubject(msg.subject);
    if (way !== 'reply' || node !== options.nodeId) {
      throw new AgentwireError('ERR_PROTOCOL', 'an answer came on another way than its subject says');
    }
    const asked = all.find(rest[1] ?? '');
    if (asked === undefined) return;
    if (msg.headers !== undefined) {
      // The server answers on the very subject that this node gave; nobody else may publish under this node's name.
      if (source !== options.nodeId || msg.headers.code !== NO_RESPONDERS)
        throw new AgentwireError('ERR_PROTOCOL', 'an answer has headers, which only the server writes');
      this.#link.end(asked, 'ERR_NO_RESPONDERS', 'no other node could take the request');
      return;
    }
    if (asked.node !== undefined && asked.node !== source)
      throw new AgentwireError('ERR_PROTOCOL', 'an answer came from a node that was not asked');
    if (asked.answered.has(source)) return;
    const now = options.clock.wallNow();
    const received = decodeReceived(msg.string(), { source, target: target.process(asked.from), now });
    asked.answered.add(source);
    if (received.kind === 'failure') {
      this.#failed(asked, received.code, received.text);
      return;
    }
    if (received.kind === 'taken') {
      asked.confirm?.(undefined);
      return;
    }
    if (asked.confirm !== undefined) return;
    if (asked.pid !== undefined && asked.pid !== received.message.from)
      throw new AgentwireError('ERR_PROTOCOL', 'an answer came from a process that was not asked');
    host.answer({ ...received.message, correlationId: asked.id }).then(
      () => {
        // Whoever gathers answers of one node has them all.
        if (!asked.topic) host.fail(asked.id, 'ERR_NO_RESPONDERS', 'no further answer will come');
      },
      (error: unknown) => {
        const { code, message } = toAgentwireError(error, 'ERR_HANDLER');
        this.#link.stats.refused += 1;
        options.logger.debug({ source, code }, 'an answer from another node was refused');
        this.#failed(asked, code, message);
      },
    );
  }

  /** Ends a request unless other nodes may still answer it. */
  #failed(asked: Asked, code: Parameters<NodeLink['host']['fail']>[1], text: string): void {
    if (!asked.topic) this.#link.end(asked, code, text);
  }
}
