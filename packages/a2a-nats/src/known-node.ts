import type { AnnouncedService, Announcement } from './presence-text.ts';
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

const MAX_BEFORE = 16;
/** Questions for announcements that are answered to one node in a time. */
const MAX_ASKS = 10;
const ASKS_MS = 10_000;

/** Another node as it announces itself. */
export class KnownNode {
  /** Time at which it is gone unless it is heard of again. */
  expires: number;
  /** True once two processes have announced themselves under its name. */
  conflict = false;
  #announcement: Announcement;
  #seenAt: number;
  /** Instances of before, so that two that take turns are told from one that was started again. */
  readonly #before = new Set<string>();
  readonly #served = new ServedServices();
  /** Its questions for announcements since a time. */
  #asked = 0;
  #askedSince: number;

  /** @param now of the clock that measures; `wallNow` since 1970 */
  constructor(announcement: Announcement, now: number, wallNow: number) {
    this.#announcement = announcement;
    this.#seenAt = wallNow;
    this.#askedSince = now;
    this.expires = now + announcement.ttlMs;
    this.#served.note(announcement.services);
  }

  /** Its last announcement. */
  get announcement(): Announcement {
    return this.#announcement;
  }

  /** Takes its next announcement; the process may be the same, the same after a new connection, another one, or one of two that take turns. */
  take(announcement: Announcement, now: number, wallNow: number): 'same' | 'reconnected' | 'restarted' | 'twin' {
    const last = this.#announcement;
    this.#announcement = announcement;
    this.#seenAt = wallNow;
    this.expires = now + announcement.ttlMs;
    this.#served.note(announcement.services);
    if (last.instance === announcement.instance) return last.session === announcement.session ? 'same' : 'reconnected';
    const isBack = this.#before.has(announcement.instance);
    if (this.#before.size >= MAX_BEFORE) this.#before.clear();
    this.#before.add(last.instance);
    return isBack ? 'twin' : 'restarted';
  }

  /** Counts a question for announcements; false when it has asked too often. */
  mayAsk(now: number): boolean {
    if (now - this.#askedSince >= ASKS_MS) [this.#asked, this.#askedSince] = [0, now];
    this.#asked += 1;
    return this.#asked <= MAX_ASKS;
  }

  /** Tells whether it may have taken requests to a service. */
  mayServe(service: string): boolean {
    return this.#announcement.more > 0 || this.#served.has(service);
  }

  /** Describes it. */
  describe(nodeId: string): NodePresence {
    return toPresence(nodeId, this.#announcement, this.#seenAt, this.conflict);
  }
}

/** Describes a node by its announcement. */
export function toPresence(nodeId: string, from: Announcement, lastSeen: number, conflict: boolean): NodePresence {
  const { instance, version, metadata, services, more } = from;
  return { nodeId, instance, version, metadata, services, moreServices: more, lastSeen, conflict };
}
