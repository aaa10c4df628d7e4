import type { RequestId } from '../message/events.ts';

/** Slots that an id can name; the most exchanges a session can hold. */
export const SLOT_COUNT: number = 65_536;

let sessions = 0;
const PROCESS_TAG = crypto.randomUUID().slice(0, 8);

/**
 * Makes the ids of one connection: a generation that no other of its ids has, so that a late answer cannot meet a new
 * request, and the slot. As a number `generation × 65 536 + slot`; as text both with a tag of the process and the
 * connection before them, because making text of two small numbers is much cheaper than of one large number.
 */
export class RequestIds {
  readonly #prefix: string | undefined;
  readonly #slotTexts: string[] = [];

  constructor(kind: 'number' | 'text') {
    sessions += 1;
    this.#prefix = kind === 'text' ? `${PROCESS_TAG}-${sessions}-` : undefined;
  }

  /** The id on the wire of one generation in one slot. */
  mint(generation: number, slot: number): RequestId {
    if (this.#prefix === undefined) return generation * SLOT_COUNT + slot;
    return this.#prefix + generation + (this.#slotTexts[slot] ?? this.#slotText(slot));
  }

  #slotText(slot: number): string {
    const text = `-${slot}`;
    // slots are handed out in their order, so this list has no holes
    this.#slotTexts[slot] = text;
    return text;
  }
}

const MAX_DIGITS = 16;

/** The slot that whoever made `id` put into it: a connection's own side, or a peer with feature `slot_ids`. −1 for none. */
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
