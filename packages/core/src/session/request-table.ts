import type { RequestId } from '../message/events.ts';
import type { AgentRequestCore } from './agent-request.ts';
import { slotOf } from './request-ids.ts';

/**
 * The requests of one connection, as its agent knows them.
 *
 * Towards a peer with feature `slot_ids` a slot holds one request, so a new id in a slot says that the older one is over
 * and nothing has to be kept for a time. Towards others the oldest idle one gives way when `maxRetained` are kept.
 */
export class RequestTable {
  readonly #bySlot: (AgentRequestCore | undefined)[] | undefined;
  readonly #byId = new Map<RequestId, AgentRequestCore>();
  readonly #maxRetained: number;

  constructor(slotIds: boolean, maxRetained: number) {
    this.#maxRetained = maxRetained;
    this.#bySlot = slotIds ? [] : undefined;
  }

  /** The slot of an id; −1 where ids have none or this one does not look like it. */
  #slotOf(id: RequestId): number {
    return this.#bySlot === undefined ? -1 : slotOf(id);
  }

  /** Whether ids say which slot a request takes, and so which other one is over. */
  get hasSlots(): boolean {
    return this.#bySlot !== undefined;
  }

  get(id: RequestId): AgentRequestCore | undefined {
    const slot = this.#slotOf(id);
    // a look into an empty map would work out the hash of the id all the same
    if (slot < 0) return this.#byId.size === 0 ? undefined : this.#byId.get(id);
    const request = this.#bySlot?.[slot];
    return request?.id === id ? request : undefined;
  }

  /** Adds a request. @returns the one whose place it took, if any. */
  add(request: AgentRequestCore): AgentRequestCore | undefined {
    const slot = this.#slotOf(request.id);
    return slot < 0 ? this.#addById(request) : this.#addToSlot(request, slot);
  }

  #addToSlot(request: AgentRequestCore, slot: number): AgentRequestCore | undefined {
    const slots = this.#bySlot ?? [];
    while (slots.length < slot) slots.push(undefined);
    const before = slots[slot];
    slots[slot] = request;
    return before;
  }

  #addById(request: AgentRequestCore): AgentRequestCore | undefined {
    const before = this.#byId.get(request.id);
    // so that it stands behind the others
    if (before !== undefined) this.#byId.delete(request.id);
    this.#byId.set(request.id, request);
    return before ?? (this.#byId.size > this.#maxRetained ? this.#evict() : undefined);
  }

  #evict(): AgentRequestCore | undefined {
    let looked = 0;
    for (const [id, request] of this.#byId) {
      if (request.unanswered === 0) {
        this.#byId.delete(id);
        return request;
      }
      // busy ones are bounded elsewhere; after some of them the new one may stay although it is one too many
      looked += 1;
      if (looked === 16) break;
    }
    return undefined;
  }

  remove(request: AgentRequestCore): void {
    const slot = this.#slotOf(request.id);
    if (slot < 0) {
      if (this.#byId.get(request.id) === request) this.#byId.delete(request.id);
    } else if (this.#bySlot?.[slot] === request) this.#bySlot[slot] = undefined;
  }

  *values(): IterableIterator<AgentRequestCore> {
    for (const request of this.#bySlot ?? []) if (request !== undefined) yield request;
    yield* this.#byId.values();
  }

  /** Whether requests are kept that only their age can end; those in slots end with the slot. */
  get ages(): boolean {
    return this.#byId.size > 0;
  }

  /** Removes and gives what has been idle since before `time`; slots need none of this. */
  removeIdleSince(time: number): AgentRequestCore[] {
    const removed: AgentRequestCore[] = [];
    for (const [id, request] of this.#byId) {
      // requests stand here in the order of their heads, not of their last events, so all are looked at
      if (request.touchedAt > time || request.unanswered > 0) continue;
      this.#byId.delete(id);
      removed.push(request);
    }
    return removed;
  }

  clear(): void {
    if (this.#bySlot !== undefined) this.#bySlot.length = 0;
    this.#byId.clear();
  }
}
