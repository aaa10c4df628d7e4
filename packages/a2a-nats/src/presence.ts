import type { TimerHandle } from '@agentwire/core';
import type { Msg } from '@nats-io/transport-node';
import { type NodePresence, toPresence } from './known-node.ts';
import { KnownNodes, MISSED } from './known-nodes.ts';
import type { NodeLink } from './node-link.ts';
import { parseSubject } from './subject-parts.ts';
import { type Announcement, announced, decodeAnnouncement, encodeAnnouncement } from './presence-text.ts';

const SOON_MS = 20;

/** Announces this node, and knows the others that are there. */
export class Presence {
  /** The other nodes. */
  readonly known: KnownNodes;
  readonly #link: NodeLink;
  #session = 1;
  #beat: TimerHandle;
  #soon: TimerHandle;
  #stopped = true;

  constructor(link: NodeLink) {
    this.#link = link;
    this.known = new KnownNodes(link);
    // others learn from both of a name that neither was started again.
    link.nameConflicts.onSeen = () => this.changed();
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
    this.known.reconnected();
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
    this.known.checks.stop();
    const { clock } = this.#link.options;
    clock.clearTimeout(this.#beat);
    clock.clearTimeout(this.#soon);
  }

  /** The nodes that are there, this one first. */
  list(): NodePresence[] {
    const { nodeId, clock } = this.#link.options;
    const own = toPresence(nodeId, this.#own({}), clock.wallNow(), this.#link.nameConflicts.seen > 0);
    return [own, ...this.known.list()];
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
      notes: this.known.checks.token,
      ...how,
    };
  }

  #announce(how: Partial<Announcement>): void {
    const { connection, subjects, connected } = this.#link;
    if (this.#stopped || !connected || connection.isClosed() || connection.isDraining()) return;
    const text = encodeAnnouncement(this.#own(how));
    if (!this.#isRefused) connection.publish(subjects.presence(), text);
    // without the right to tell all it tells each node that it hears of: who asks it for something must know that it is there.
    else for (const [node, word] of this.known.takingNotes()) this.#link.say(subjects.noteTo(node, word), text);
  }

  get #isRefused(): boolean {
    const { rights, subjects } = this.#link;
    return rights.isRefused(subjects.presence());
  }

  #schedule(): void {
    const { clock, presenceIntervalMs } = this.#link.options;
    const due = clock.now() + presenceIntervalMs;
    this.#beat = clock.setTimeout(() => {
      this.#announce({});
      this.known.excuse(clock.now() - due);
      if (this.#link.connected) this.known.sweep();
      this.#schedule();
    }, presenceIntervalMs);
  }

  #take(msg: Msg): void {
    const { source, way } = parseSubject(msg.subject);
    if (way === 'presence') this.take(source, decodeAnnouncement(msg.string()));
  }

  /** Takes the announcement of another node. */
  take(source: string, announcement: Announcement): void {
    // another process of this name is noticed in another way.
    if (source === this.#link.options.nodeId || this.#stopped) return;
    const isNew = this.known.take(source, announcement);
    if ((announcement.ask && this.known.mayAsk(source)) || (isNew && this.#isRefused)) this.changed();
  }
}
