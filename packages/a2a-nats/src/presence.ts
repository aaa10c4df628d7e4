import type { TimerHandle } from '@agentwire/core';
import type { Msg } from '@nats-io/transport-node';
import type { NodeLink } from './node-link.ts';
import { parseSubject } from './subject-parts.ts';
import {
  type AnnouncedService,
  type Announcement,
  announced,
  decodeAnnouncement,
  encodeAnnouncement,
} from './presence-text.ts';

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
}

/** Signs of life that may stay out before a node is gone. */
const MISSED = 3;
const MAX_NODES = 10_000;
const MAX_BEFORE = 16;
const SOON_MS = 20;

/** Announces this node, and knows the others that are there. */
export class Presence {
  readonly #link: NodeLink;
  readonly #nodes = new Map<string, Known>();
  /** Nodes that are watched and not heard of yet, with the time at which they count as gone. */
  readonly #expected = new Map<string, number>();
  #session = 1;
  #beat: TimerHandle;
  #soon: TimerHandle;
  #stopped = true;

  constructor(link: NodeLink) {
    this.#link = link;
  }

  /** Begins to listen, announces this node and asks the others to do so. */
  start(): void {
    this.#stopped = false;
    this.#link.listen(this.#link.subjects.anyPresence(), (msg) => this.#take(msg));
    this.#announce({ ask: true });
    this.#schedule();
  }

  /** Announces this node again within a moment, because its services changed or another node asked. */
  changed(): void {
    if (this.#stopped || this.#soon !== undefined) return;
    this.#soon = this.#link.options.clock.setTimeout(() => {
      this.#soon = undefined;
      this.#announce({});
    }, SOON_MS);
  }

  /** Begins another session after a new connection; who was silent meanwhile has its time again. */
  reconnected(): void {
    if (this.#stopped) return;
    this.#session += 1;
    const now = this.#link.options.clock.now();
    for (const known of this.#nodes.values()) known.expires = now + known.announcement.ttlMs;
    this.#announce({ ask: true });
  }

  /** Says that this node leaves, and is silent then. */
  stop(): void {
    if (this.#stopped) return;
    this.#announce({ bye: true });
    this.abort();
  }

  /** Is silent at once. */
  abort(): void {
    this.#stopped = true;
    const { clock } = this.#link.options;
    clock.clearTimeout(this.#beat);
    clock.clearTimeout(this.#soon);
  }

  /** Waits for a node whose processes are watched: it counts as gone when it is not heard of for three announcements. */
  expect(nodeId: string): void {
    if (this.#nodes.has(nodeId) || this.#expected.has(nodeId) || this.#expected.size >= MAX_NODES) return;
    const { clock, presenceIntervalMs } = this.#link.options;
    this.#expected.set(nodeId, clock.now() + presenceIntervalMs * MISSED);
  }

  /** The nodes that are there, this one first. */
  list(): NodePresence[] {
    const { nodeId, clock } = this.#link.options;
    const own = toPresence(nodeId, this.#own({}), clock.wallNow(), this.#link.nameConflicts.seen > 0);
    const others = [...this.#nodes].map(([node, { announcement, seenAt, conflict }]) =>
      toPresence(node, announcement, seenAt, conflict),
    );
    return [own, ...others];
  }

  #own(how: Partial<Announcement>): Announcement {
    const { version = '0.0.0', metadata = {}, presenceIntervalMs } = this.#link.options;
    return {
      instance: this.#link.nameConflicts.instance,
      session: this.#session,
      ttlMs: presenceIntervalMs * MISSED,
      version,
      metadata,
      services: how.bye === true ? [] : this.#link.services().map(announced),
      more: 0,
      ask: false,
      bye: false,
      ...how,
    };
  }

  #announce(how: Partial<Announcement>): void {
    const { connection, subjects, connected, rights } = this.#link;
    if (rights.isRefused(subjects.presence())) return;
    if (this.#stopped || !connected || connection.isClosed() || connection.isDraining()) return;
    connection.publish(subjects.presence(), encodeAnnouncement(this.#own(how)));
  }

  #schedule(): void {
    const { clock, presenceIntervalMs } = this.#link.options;
    this.#beat = clock.setTimeout(() => {
      this.#announce({});
      this.#sweep();
      this.#schedule();
    }, presenceIntervalMs);
  }

  #take(msg: Msg): void {
    const { options } = this.#link;
    const { source, way } = parseSubject(msg.subject);
    const announcement = decodeAnnouncement(msg.string());
    // Another process of this name is noticed in another way.
    if (way !== 'presence' || source === options.nodeId || this.#stopped) return;
    if (announcement.ask) this.changed();
    const known = this.#nodes.get(source);
    if (announcement.bye) {
      if (known?.announcement.instance === announcement.instance) this.#gone(source, 'it has left');
      return;
    }
    const [now, seenAt] = [options.clock.now(), options.clock.wallNow()];
    const expires = now + announcement.ttlMs;
    if (known === undefined) {
      if (this.#nodes.size >= MAX_NODES) return;
      this.#nodes.set(source, { announcement, seenAt, expires, before: new Set(), conflict: false });
      // It was not there when its processes were watched.
      if (this.#expected.delete(source)) this.#link.host.watchAgain(source);
      return;
    }
    const { announcement: last } = known;
    known.announcement = announcement;
    known.seenAt = seenAt;
    known.expires = expires;
    if (last.instance !== announcement.instance) this.#another(source, known, last.instance);
    else if (last.session !== announcement.session) this.#link.sessionLost(source);
  }

  /** Another process has the name now: one that was started again, or a second one if the first still speaks. */
  #another(source: string, known: Known, last: string): void {
    const { before, announcement } = known;
    const isBack = before.has(announcement.instance);
    if (before.size >= MAX_BEFORE) before.clear();
    before.add(last);
    if (!isBack) {
      this.#link.nodeGone(source, 'another process has its name now');
      return;
    }
    if (!known.conflict) {
      this.#link.options.logger.error({ node: source }, 'two processes run under the name of one other node');
    }
    known.conflict = true;
  }

  #sweep(): void {
    if (!this.#link.connected) return;
    const now = this.#link.options.clock.now();
    for (const [node, { expires }] of this.#nodes) if (expires <= now) this.#gone(node, 'it is silent');
    for (const [node, expires] of this.#expected) {
      if (expires > now) continue;
      this.#expected.delete(node);
      this.#link.nodeGone(node, 'it was not heard of');
    }
  }

  #gone(node: string, why: string): void {
    this.#nodes.delete(node);
    this.#link.nodeGone(node, why);
  }
}

function toPresence(nodeId: string, from: Announcement, lastSeen: number, conflict: boolean): NodePresence {
  const { instance, version, metadata, services, more } = from;
  return { nodeId, instance, version, metadata, services, moreServices: more, lastSeen, conflict };
}
