import type { JsonValue } from '@agentwire/a2a-router';
import { KnownNode, type NodePresence } from './known-node.ts';
import { nodeGone, sessionLost, SILENT } from './lost-nodes.ts';
import type { NodeLink } from './node-link.ts';
import type { Announcement } from './presence-text.ts';
import { RequestChecks } from './request-checks.ts';

/** Signs of life that may stay out before a node is gone. */
export const MISSED = 3;
const MAX_NODES = 10_000;

/** The other nodes that are there, as they announce themselves. */
export class KnownNodes {
  /** Questions for requests of this node that may be lost. */
  readonly checks: RequestChecks;
  readonly #link: NodeLink;
  readonly #nodes = new Map<string, KnownNode>();
  /** Nodes that are watched and not heard of yet, with the time at which they count as gone. */
  readonly #expected = new Map<string, number>();

  constructor(link: NodeLink) {
    this.#link = link;
    this.checks = new RequestChecks(link, (service) => this.#servers(service));
  }

  /** Waits for a node whose processes are watched: it counts as gone when it is not heard of for three announcements. */
  expect(nodeId: string): void {
    if (this.#nodes.has(nodeId) || this.#expected.has(nodeId) || this.#expected.size >= MAX_NODES) return;
    const { clock, presenceIntervalMs } = this.#link.options;
    this.#expected.set(nodeId, clock.now() + presenceIntervalMs * MISSED);
  }

  /** Gives nodes that were silent while there was no connection their time again. */
  reconnected(): void {
    const now = this.#link.options.clock.now();
    for (const known of this.#nodes.values()) known.expires = now + known.announcement.ttlMs;
  }

  /** Leaves out time in which this process could not listen, because it was stopped or busy: what others have sent meanwhile was not read yet. */
  excuse(lateMs: number): void {
    for (const known of this.#nodes.values()) known.expires += lateMs;
    for (const [node, expires] of this.#expected) this.#expected.set(node, expires + lateMs);
  }

  /** Counts a question for announcements; false when a node has asked too often, because everyone answers everyone. */
  mayAsk(source: string): boolean {
    return this.#nodes.get(source)?.mayAsk(this.#link.options.clock.now()) === true;
  }

  /** The nodes, in the order in which they were heard of first. */
  list(): NodePresence[] {
    return [...this.#nodes].map(([nodeId, known]) => known.describe(nodeId));
  }

  /**
   * The schemas of the arguments of a method, of one node or of all that announce it; empty when one of them takes anything, or announces
   * more than fits.
   */
  argsOf(service: string, method: string, nodeId: string | undefined): readonly JsonValue[] {
    const found: JsonValue[] = [];
    const one = nodeId === undefined ? undefined : this.#nodes.get(nodeId);
    const known = nodeId === undefined ? this.#nodes.values() : one === undefined ? [] : [one];
    for (const { announcement } of known) {
      if (announcement.more > 0) return [];
      for (const { name, methods, schemas } of announcement.services) {
        if (name !== service || methods?.includes(method) === false) continue;
        const args = Object.hasOwn(schemas, method) ? schemas[method]?.args : undefined;
        if (args === undefined) return [];
        found.push(args);
      }
    }
    return found;
  }

  /** Gives the nodes that take notes, each with the word of the subject for them. */
  *takingNotes(): Generator<readonly [node: string, word: string]> {
    for (const [node, { announcement }] of this.#nodes)
      if (announcement.notes !== undefined) yield [node, announcement.notes];
  }

  /** Takes the announcement of another node; true for one that was not known. */
  take(source: string, announcement: Announcement): boolean {
    const { clock, logger } = this.#link.options;
    const known = this.#nodes.get(source);
    if (announcement.bye) {
      if (known?.announcement.instance === announcement.instance) this.#gone(source, 'it has left');
      return false;
    }
    const [now, wallNow] = [clock.now(), clock.wallNow()];
    if (known === undefined) {
      if (this.#nodes.size >= MAX_NODES) return false;
      this.#nodes.set(source, new KnownNode(announcement, now, wallNow));
      // it was not there when its processes were watched.
      if (this.#expected.delete(source)) this.#link.host.watchAgain(source);
      return true;
    }
    switch (known.take(announcement, now, wallNow)) {
      case 'reconnected':
        sessionLost(this.#link, source);
        this.#lost(source, known, true);
        break;
      case 'restarted':
        nodeGone(this.#link, source, 'another process has its name now');
        this.#lost(source, known, false);
        break;
      case 'twin':
        if (!known.conflict) logger.error({ node: source }, 'two processes run under the name of one other node');
        known.conflict = true;
        break;
      default:
    }
    return false;
  }

  /** Forgets the nodes whose time is over. */
  sweep(): void {
    const now = this.#link.options.clock.now();
    for (const [node, { expires }] of this.#nodes) if (expires <= now) this.#gone(node, SILENT);
    for (const [node, expires] of this.#expected) {
      if (expires > now) continue;
      this.#expected.delete(node);
      nodeGone(this.#link, node, 'it was not heard of');
    }
  }

  #gone(node: string, why: string): void {
    const known = this.#nodes.get(node);
    this.#nodes.delete(node);
    nodeGone(this.#link, node, why);
    if (known !== undefined) this.#lost(node, known, false);
  }

  #lost(node: string, known: KnownNode, isThere: boolean): void {
    this.checks.lost(node, { serves: (service) => known.mayServe(service), isThere });
  }

  /** The nodes that may have taken a request to a service; undefined when one of them is not known, or stands for two processes. */
  #servers(service: string): readonly string[] | undefined {
    if (this.#nodes.size >= MAX_NODES) return undefined;
    const found: string[] = [];
    for (const [node, known] of this.#nodes) {
      if (!known.mayServe(service)) continue;
      if (known.conflict) return undefined;
      found.push(node);
    }
    return found;
  }
}
