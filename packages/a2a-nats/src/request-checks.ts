import type { TimerHandle } from '@agentwire/core';
import { createMessageId } from '@agentwire/a2a-router/internal';
import type { Asked } from './asked.ts';
import type { NodeLink } from './node-link.ts';
import { MAX_IDS } from './note-text.ts';

/** Names of the nodes that may have taken a request to a service; undefined when they are not all known. */
export type Servers = (service: string) => readonly string[] | undefined;

/** A node that lost its connection, or is gone. */
interface Loss {
  /** Time at which that was seen. */
  readonly at: number;
  /** Number of the last request that had left by then. */
  readonly last: number;
  /** Tells whether it may have taken requests to a service. */
  readonly serves: (service: string) => boolean;
  /** True while its process is the one that it was, which can be asked. */
  readonly isThere: boolean;
}

/** Ids that one node is asked for: requests, and sends that it was to confirm. */
interface Question {
  readonly ids: string[];
  readonly sends: string[];
}

/** Milliseconds after a loss until nodes are asked: by then a node that has begun to serve has announced itself. */
const SETTLE_MS = 250;
/** Milliseconds between two rounds of questions, so that nodes which come and go do not cost more than their requests. */
const ROUND_MS = 1000;
const MAX_LOSSES = 10_000;

/**
 * Ends the requests of this node that were lost on their way to another one, or with its answer, when that one lost its connection.
 *
 * Nodes that may have a request are asked for it. It was lost when each of them says that it does not have it: a server brings a question
 * after everything that was published before it. A question has the ids of requests and never the subject of an answer, which is for the
 * responder alone. It costs nothing until a node is lost, where a confirmation of each request would cost as much as its answer.
 */
export class RequestChecks {
  /** Word of the subject on which nodes say what they do not have. */
  readonly token: string = createMessageId();
  readonly #link: NodeLink;
  readonly #servers: Servers;
  readonly #losses = new Map<string, Loss>();
  #timer: TimerHandle;
  #roundAt = -Infinity;

  constructor(link: NodeLink, servers: Servers) {
    this.#link = link;
    this.#servers = servers;
  }

  /** Notes that a node lost its connection, or is gone, and asks for requests that it may have had in a moment. */
  lost(node: string, { serves, isThere }: Pick<Loss, 'serves' | 'isThere'>): void {
    const before = this.#losses.get(node);
    if (this.#link.asked.size === 0 || (this.#losses.size >= MAX_LOSSES && before === undefined)) return;
    this.#losses.set(node, {
      at: this.#link.options.clock.now(),
      last: this.#link.asked.made,
      serves,
      isThere: isThere && before?.isThere !== false,
    });
    this.#schedule();
  }

  /** Asks no node any more. */
  stop(): void {
    this.#link.options.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#losses.clear();
  }

  /** Takes the ids of requests that a node does not have, and ends those that no node has. */
  take(source: string, ids: readonly string[]): void {
    for (const id of ids) {
      const asked = this.#link.asked.get(id);
      // one that was not asked for may still be on its way there.
      if (asked?.absent === undefined) continue;
      const holders = this.#holders(asked);
      if (holders?.includes(source) !== true) continue;
      asked.absent.add(source);
      this.#endIfLost(asked, holders);
    }
  }

  #schedule(): void {
    const { clock } = this.#link.options;
    const wait = Math.max(SETTLE_MS, this.#roundAt + ROUND_MS - clock.now());
    this.#timer ??= clock.setTimeout(() => this.#round(), wait);
  }

  #round(): void {
    this.#timer = undefined;
    this.#roundAt = this.#link.options.clock.now();
    const due = [...this.#losses].filter(([, { at }]) => this.#roundAt - at >= SETTLE_MS);
    for (const [node] of due) this.#losses.delete(node);
    if (this.#losses.size > 0) this.#schedule();
    // everything that was sent here until now is read first: this process may have been stopped meanwhile.
    this.#link.batch.flush().then(
      () => this.#check(due),
      () => undefined,
    );
  }

  #check(due: readonly (readonly [string, Loss])[]): void {
    const questions = new Map<string, Question>();
    for (const asked of this.#link.asked.list()) {
      const losses = due.filter(([node, loss]) => mayBeLost(asked, node, loss));
      if (losses.length === 0) continue;
      if (losses.some(([, { isThere }]) => !isThere)) asked.unsure = true;
      const holders = this.#holders(asked);
      if (holders === undefined) continue;
      asked.absent ??= new Set();
      this.#endIfLost(asked, holders);
      for (const node of holders) {
        if (asked.absent.has(node)) continue;
        const question = questions.get(node) ?? { ids: [], sends: [] };
        questions.set(node, question);
        (asked.confirm === undefined ? question.ids : question.sends).push(asked.id);
      }
    }
    for (const [node, { ids, sends }] of questions) {
      this.#ask(node, 'ids', ids);
      this.#ask(node, 'sends', sends);
    }
  }

  #ask(node: string, what: keyof Question, ids: readonly string[]): void {
    const { subjects } = this.#link;
    for (let at = 0; at < ids.length; at += MAX_IDS) {
      const text = JSON.stringify({ [what]: ids.slice(at, at + MAX_IDS) });
      this.#link.say(subjects.control(node, 'check'), text, subjects.replyHere(this.token));
    }
  }

  /** The nodes of which one has the request, unless it was lost; undefined when they are not all known. */
  #holders({ node, holders, service, id }: Asked): readonly string[] | undefined {
    if (node !== undefined) return [node];
    if (holders.size > 0) return [...holders];
    const { host, options, nameConflicts } = this.#link;
    // this node may be one of those that serve, and so may another process of its name.
    if (service === undefined || nameConflicts.seen > 0 || host.holds(options.nodeId, id)) return undefined;
    return this.#servers(service);
  }

  #endIfLost(asked: Asked, holders: readonly string[]): void {
    if (!holders.every((node) => asked.absent?.has(node) === true)) return;
    // a send that was lost for certain may be tried elsewhere, so that it has another code than one that may have arrived.
    if (asked.confirm === undefined || asked.unsure)
      this.#link.end(
        asked,
        'ERR_CLOSED',
        'the message, or the news of it, was lost with the connection of a node that may have had it',
      );
    else this.#link.end(asked, 'ERR_NO_RESPONDERS', 'the message was lost on its way, and no node has it');
  }
}

/** Streams of a writer that is known have ended by then, durable requests wait in their inbox, answers of a topic have no number, and what else is confirmed is no message. */
function mayBeLost(
  { number, topic, durable, confirm, node: only, service, holders }: Asked,
  node: string,
  { last, serves }: Loss,
): boolean {
  if (number > last || topic || durable || (confirm !== undefined && service === undefined)) return false;
  if (only !== undefined) return only === node;
  return holders.size > 0 ? holders.has(node) : service !== undefined && serves(service);
}
