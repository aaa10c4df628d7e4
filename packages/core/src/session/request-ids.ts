import type { RequestId } from '../message/events.ts';

/** Slots that an id can name; the most exchanges a session can hold. */
export const SLOT_COUNT: number = 65_536;

let sessions = 0;
const PROCESS_TAG = crypto.randomUUID().slice(0, 8);

/**
 * Makes and reads the ids of one connection. A serial is `generation × 65 536 + slot`, so a late answer cannot meet a new
 * request; where ids are text, a tag of the process and the connection stands before it.
 */
export class RequestIds {
  readonly #prefix: string | undefined;

  constructor(kind: 'number' | 'text') {
    sessions += 1;
    this.#prefix = kind === 'text' ? `${PROCESS_TAG}-${sessions}-` : undefined;
  }

  /** The id on the wire for `serial`. */
  mint(serial: number): RequestId {
    return this.#prefix === undefined ? serial : this.#prefix + serial;
  }

  /** The serial of an id on the wire; −1 for one that this connection never made. */
  serialOf(id: RequestId): number {
    if (typeof id === 'number') return id;
    const prefix = this.#prefix;
    if (typeof id !== 'string' || prefix === undefined || !id.startsWith(prefix)) return -1;
    return readDigits(id, prefix.length);
  }
}

function readDigits(text: string, from: number): number {
  if (from === text.length || text.length - from > 16) return -1;
  let value = 0;
  for (let i = from; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** The slot that a peer with feature `slot_ids` put into `id`; −1 where none can be read. */
export function slotOfPeerId(id: RequestId): number {
  if (typeof id === 'number') return id & (SLOT_COUNT - 1);
  if (typeof id !== 'string') return -1;
  const serial = readDigits(id, id.lastIndexOf('-') + 1);
  return serial < 0 ? -1 : serial & (SLOT_COUNT - 1);
}
