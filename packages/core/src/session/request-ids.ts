import type { RequestId } from '../message/events.ts';

/** Number of slots, and so the most exchanges that a session can have. */
export const SLOT_COUNT: number = 65_536;

let sessions = 0;
const PROCESS_TAG = crypto.randomUUID().slice(0, 8);

/**
 * Creates the ids of one connection: a generation that no other of its ids has, so that a late answer cannot settle a new
 * request, and the slot. A number is `generation × 65 536 + slot`; text is both behind a tag of process and connection.
 */
export class RequestIds {
  readonly #prefix: string | undefined;

  constructor(kind: 'number' | 'text') {
    sessions += 1;
    this.#prefix = kind === 'text' ? `${PROCESS_TAG}-${sessions}-` : undefined;
  }

  /** Creates the wire id of one generation in one slot. */
  mint(generation: number, slot: number): RequestId {
    if (this.#prefix === undefined) return generation * SLOT_COUNT + slot;
    return `${this.#prefix}${generation}-${slot}`;
  }
}

const MAX_DIGITS = 16;

/** Returns the slot number encoded in `id` by this side or a peer with feature `slot_ids`; −1 for an id without one. */
export function slotOf(id: RequestId): number {
  if (typeof id === 'number') return id & (SLOT_COUNT - 1);
  if (typeof id !== 'string') return -1;
  let value = 0;
  let scale = 1;
  let at = id.length - 1;
  for (; at >= 0; at--) {
    const digit = id.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) break;
    value += digit * scale;
    scale *= 10;
  }
  const digits = id.length - 1 - at;
  const behindHyphen = at < 0 || id.charCodeAt(at) === 45;
  return behindHyphen && digits > 0 && digits <= MAX_DIGITS ? value & (SLOT_COUNT - 1) : -1;
}
