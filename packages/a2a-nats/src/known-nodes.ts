import type { JsonValue } from '@agentwire/a2a-router';
import { nodeGone, sessionLost } from './lost-nodes.ts';
import type { NodeLink } from './node-link.ts';
import type { AnnouncedService, Announcement } from './presence-text.ts';
import { RequestChecks } from './request-checks.ts';
import { ServedServices } from './served-services.ts';

/** A node that is there. */
export interface NodePresence {
  /** Its name. */
  readonly nodeId: string;
  /** Changes with each process of that name. */
  readonly instance: string;
  readonly version: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly services: readonly AnnouncedService[];
  /** Services that its announcement had no room for. */
  readonly moreServices: number;
  /** Milliseconds since 1970, on this node's clock, at which it was heard last. */
  readonly lastSeen: number;
  /** True when two processes announce themselves under its name. */
  readonly conflict: boolean;
}

interface Known {
  announcement: Announcement;
  seenAt: number;
  expires: number;
  /** Instances of before, so that two that take turns are told from one that was started again. */
  readonly before: Set<string>;
  conflict: boolean;
  readonly served: ServedServices;
  /** Its questions for announcements since a time. */
  asked: number;
  askedSince: number;
}

/** Signs of life that may stay out before a node is gone. */
export const MISSED = 3;
const MAX_NODES = 10_000;
const MAX_BEFORE = 16;
/** Questions for announcements that are answered to one node in a time. */
const MAX_ASKS = 10;
const ASKS_MS = 10_000;

/** The other nodes that are there, as they announce themselves. */
export class KnownNodes {
  /** Questions for requests of this node that may be lost. */
  readonly checks: RequestChecks;
  readonly #link: NodeLink;
  readonly #nodes = new Map<string, Known>();
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
    const known = this.#nodes.get(source);
    if (known === undefined) return false;
    const now = this.#link.options.clock.now();
    if (now - known.askedSince >= ASKS_MS) [known.asked, known.askedSince] = [0, now];
    known.asked += 1;
    return known.asked <= MAX_ASKS;
  }

  /** The nodes, in the order in which they were heard of first. */
  list(): NodePresence[] {
    return [...this.#nodes].map(([node, { announcement, seenAt, conflict }]) =>
      toPresence(node, announcement, seenAt, conflict),
    );
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

  /** Takes the announcement of another node. */
  take(source: string, announcement: Announcement): void {
    const { options } = this.#link;
    const known = this.#nodes.get(source);
    if (announcement.bye) {
      if (known?.announcement.instance === announcement.instance) this.#gone(source, 'it has left');
      return;
    }
    const [now, seenAt] = [options.clock.now(), options.clock.wallNow()];
    const expires = now + announcement.ttlMs;
    if (known === undefined) {
      if (this.#nodes.size >= MAX_NODES) return;
      const served = new ServedServices();
      served.note(announcement.services);
      this.#nodes.set(source, {
        announcement,
        seenAt,
        expires,
        before: new Set(),
        conflict: false,
        served,
        asked: 0,
        askedSince: now,
      });
      // it was not there when its processes were watched.
      if (this.#expected.delete(source)) this.#link.host.watchAgain(source);
      return;
    }
    const { announcement: last } = known;
    known.announcement = announcement;
    known.seenAt = seenAt;
    known.expires = expires;
    known.served.note(announcement.services);
    if (last.instance !== announcement.instance) this.#another(source, known, last.instance);
    else if (last.session !== announcement.session) {
      sessionLost(this.#link, source);
      this.#lost(source, known);
    }
  }

  /** Forgets the nodes whose time is over. */
  sweep(): void {
    const now = this.#link.options.clock.now();
    for (const [node, { expires }] of this.#nodes) if (expires <= now) this.#gone(node, 'it is silent');
    for (const [node, expires] of this.#expected) {
      if (expires > now) continue;
      this.#expected.delete(node);
      nodeGone(this.#link, node, 'it was not heard of');
    }
  }

  /** Another process has the name now: one that was started again, or a second one if the first still speaks. */
  #another(source: string, known: Known, last: string): void {
    const { before, announcement } = known;
    const isBack = before.has(announcement.instance);
    if (before.size >= MAX_BEFORE) before.clear();
    before.add(last);
    if (!isBack) {
      nodeGone(this.#link, source, 'another process has its name now');
      this.#lost(source, known);
      return;
    }
    if (!known.conflict) {
      this.#link.options.logger.error({ node: source }, 'two processes run under the name of one other node');
    }
    known.conflict = true;
  }

  #gone(node: string, why: string): void {
    const known = this.#nodes.get(node);
    this.#nodes.delete(node);
    nodeGone(this.#link, node, why);
    if (known !== undefined) this.#lost(node, known);
  }

  #lost(node: string, known: Known): void {
    this.checks.lost(node, (service) => mayServe(known, service));
  }

  /** The nodes that may have taken a request to a service; undefined when one of them is not known, or stands for two processes. */
  #servers(service: string): readonly string[] | undefined {
    if (this.#nodes.size >= MAX_NODES) return undefined;
    const found: string[] = [];
    for (const [node, known] of this.#nodes) {
      if (!mayServe(known, service)) continue;
      if (known.conflict) return undefined;
      found.push(node);
    }
    return found;
  }
}

function mayServe({ announcement, served }: Known, service: string): boolean {
  return announcement.more > 0 || served.has(service);
}

/** Describes a node by its announcement. */
export function toPresence(nodeId: string, from: Announcement, lastSeen: number, conflict: boolean): NodePresence {
  const { instance, version, metadata, services, more } = from;
  return { nodeId, instance, version, metadata, services, moreServices: more, lastSeen, conflict };
}
