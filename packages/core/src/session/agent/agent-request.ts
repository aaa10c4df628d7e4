import type { Connection } from '../../contract/connection.ts';
import { AgentwireError } from '../../errors.ts';
import type { CancelReason } from '../../message/control.ts';
import type { ProxyEvent, RequestId } from '../../message/events.ts';
import type { Malformed } from '../../message/message.ts';
import { slotOf } from '../request-ids.ts';

/** One request as an agent's session knows it: the part that its events share. */
export interface AgentRequest {
  /** Id on the wire; unique on its connection in the documented dialect, anything a client chose in the zentinel one. */
  readonly id: RequestId;
  readonly connection: Connection;
  /** Aborted by a cancel, by the end of the connection, and by the end of a drain; created on first use. */
  readonly signal: AbortSignal;
  /** True once {@link signal} is aborted; reading it creates no signal. */
  readonly cancelled: boolean;
  /** Events without an answer, the running one included. */
  readonly unanswered: number;
  /** Keeps this object for later events of the request after its answers, limited by count and age. Default `false`. */
  retain: boolean;
  /** Value that the handler keeps with the request. */
  state: unknown;
}

/** Event, or an undecodable one in its place. */
export type QueuedEvent = ProxyEvent | Malformed;

/** Implementation of {@link AgentRequest}. */
export class AgentRequestCore implements AgentRequest {
  readonly id: RequestId;
  readonly connection: Connection;
  retain = false;
  state: unknown = undefined;
  cancelled = false;
  /** True while a handler runs for it. */
  running = false;
  /**
   * `new` until it is put into its session's table, which a request that is answered at once need not be; `registered` there; `ended`
   * once `onRequestEnd` was called.
   */
  phase: 'new' | 'registered' | 'ended' = 'new';
  /** Events behind the running one. */
  queue: QueuedEvent[] | undefined;
  /** Time of its last event, on the session's clock. */
  touchedAt = 0;
  #controller: AbortController | undefined;
  #reason: AgentwireError | undefined;

  constructor(id: RequestId, connection: Connection) {
    this.id = id;
    this.connection = connection;
  }

  get unanswered(): number {
    return (this.running ? 1 : 0) + (this.queue?.length ?? 0);
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  /** Aborts the signal and drops the queue. */
  cancel(reason: CancelReason | 'connection_closed' | 'drain_timeout' | undefined): void {
    if (this.cancelled) return;
    this.cancelled = true;
    this.queue = undefined;
    this.#reason = new AgentwireError('ERR_ABORTED', `the request was cancelled: ${reason ?? 'no reason'}`, {
      detail: { reason },
    });
    this.#controller?.abort(this.#reason);
  }
}

/** Limit of busy requests that an eviction skips in search of an idle one. */
const MAX_SKIPPED = 16;

/**
 * Requests of one connection at the agent, by id.
 *
 * For a peer with feature `slot_ids` a slot has one request, so a new id in a slot ends the older one and nothing is kept for
 * a time. For other peers, the least recently used idle request is evicted at `maxRetained`.
 */
export class RequestTable {
  readonly #bySlot: (AgentRequestCore | undefined)[] | undefined;
  readonly #byId = new Map<RequestId, AgentRequestCore>();
  readonly #maxRetained: number;

  constructor(slotIds: boolean, maxRetained: number) {
    this.#maxRetained = maxRetained;
    this.#bySlot = slotIds ? [] : undefined;
  }

  /** Returns the slot of an id; −1 if ids have none or this one has not their form. */
  #slotOf(id: RequestId): number {
    return this.#bySlot === undefined ? -1 : slotOf(id);
  }

  /** True if ids contain the slot of their request. */
  get hasSlots(): boolean {
    return this.#bySlot !== undefined;
  }

  get(id: RequestId): AgentRequestCore | undefined {
    const slot = this.#slotOf(id);
    if (slot < 0) return this.#byId.get(id);
    const request = this.#bySlot?.[slot];
    return request?.id === id ? request : undefined;
  }

  /** Adds a request. @returns the one that it replaces or evicts, if any */
  add(request: AgentRequestCore): AgentRequestCore | undefined {
    const slot = this.#slotOf(request.id);
    return slot < 0 ? this.#addById(request) : this.#addToSlot(request, slot);
  }

  #addToSlot(request: AgentRequestCore, slot: number): AgentRequestCore | undefined {
    const slots = this.#bySlot ?? [];
    while (slots.length < slot) slots.push(undefined);
    const replaced = slots[slot];
    slots[slot] = request;
    return replaced;
  }

  #addById(request: AgentRequestCore): AgentRequestCore | undefined {
    const replaced = this.#byId.get(request.id);
    // deleted first, so that the new one is the youngest
    if (replaced !== undefined) this.#byId.delete(request.id);
    this.#byId.set(request.id, request);
    return replaced ?? (this.#byId.size > this.#maxRetained ? this.#evict() : undefined);
  }

  #evict(): AgentRequestCore | undefined {
    let skipped = 0;
    for (const [id, request] of this.#byId) {
      if (request.unanswered === 0) {
        this.#byId.delete(id);
        return request;
      }
      // busy requests have a limit of their own, so the table may exceed its limit by them
      skipped += 1;
      if (skipped === MAX_SKIPPED) break;
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

  /** True if requests are kept that only their age ends; those in slots end with the slot. */
  get ages(): boolean {
    return this.#byId.size > 0;
  }

  /** Removes and returns requests that have been idle since before `time`; those in slots stay. */
  removeIdleSince(time: number): AgentRequestCore[] {
    const removed: AgentRequestCore[] = [];
    for (const [id, request] of this.#byId) {
      // the order is that of their heads, not of their last events, so all are checked
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
