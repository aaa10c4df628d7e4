import { isValidHeaderName } from '@agentwire/headers';

/** Position of the readers below; `declined` is set by a field that only the reference reader handles. */
export const hotRead: { at: number; declined: boolean } = { at: 0, declined: false };

let textFrom = 0;
let text = '';

/**
 * Makes text of a message once, so that every string of it is a cheap part. V8 keeps the whole alive with each part, so
 * one text never spans several messages: a client's address that is kept would keep a whole read alive.
 */
export function openText(buffer: Buffer, start: number, end: number): void {
  textFrom = start;
  text = buffer.toString('latin1', start, end);
}

/** Reads a varint up to 2^35; declines longer ones. */
export function readVarint(buffer: Buffer): number {
  let byte = buffer[hotRead.at++] as number;
  if (byte < 128) return byte;
  let value = byte & 127;
  for (let shift = 7, factor = 128; shift < 49; shift += 7, factor *= 128) {
    byte = buffer[hotRead.at++] as number;
    value += (byte & 127) * factor;
    if (byte < 128) return value;
  }
  hotRead.declined = true;
  return 0;
}

/** Reads the length of a field that has to end by `end`. @returns where it ends. */
export function readEnd(buffer: Buffer, end: number): number {
  const to = readVarint(buffer) + hotRead.at;
  if (to <= end) return to;
  hotRead.declined = true;
  return hotRead.at;
}

/** Reads ASCII text; declines other. */
export function readText(buffer: Buffer, end: number): string {
  const to = readEnd(buffer, end);
  const from = hotRead.at;
  hotRead.at = to;
  let all = 0;
  for (let i = from; i < to; i++) all |= buffer[i] as number;
  if (all > 127) hotRead.declined = true;
  return text.substring(from - textFrom, to - textFrom);
}

/** Reads printable ASCII and tabs, without spaces and tabs where `lowest` is 0x21; declines other. */
export function readPrintable(buffer: Buffer, end: number, lowest: 0x20 | 0x21): string {
  const to = readEnd(buffer, end);
  const from = hotRead.at;
  hotRead.at = to;
  for (let i = from; i < to; i++) {
    const byte = buffer[i] as number;
    if (byte < lowest || byte > 0x7e) {
      hotRead.declined = true;
      break;
    }
  }
  return text.substring(from - textFrom, to - textFrom);
}

const SLOTS = 1024;
const MAX_KEPT_LENGTH = 64;

/** A text and its bytes, which are quicker to compare with others than its characters are. */
interface Kept {
  readonly text: string;
  readonly bytes: Uint8Array;
}

const NONE: Kept = { text: '', bytes: new Uint8Array(0) };

/** Cache of texts by their bytes: 2.0 µs instead of 2.2 µs to read a head (bench/request-head.ts, least of three runs). */
class KeptTexts {
  readonly #slots: Kept[] = Array.from({ length: SLOTS }, () => NONE);
  readonly #accept: (value: string) => boolean;

  constructor(accept: (value: string) => boolean) {
    this.#accept = accept;
  }

  read(buffer: Buffer, end: number): string {
    const to = readEnd(buffer, end);
    const from = hotRead.at;
    const length = to - from;
    if (length === 0 || length > MAX_KEPT_LENGTH || hotRead.declined) {
      hotRead.declined ||= length > 0 || !this.#accept('');
      hotRead.at = to;
      return '';
    }
    hotRead.at = to;
    const middle = buffer[from + (length >> 1)] as number;
    const hash = length * 37 + (buffer[from] as number) * 5 + (buffer[to - 1] as number) * 3 + middle;
    const slot = hash & (SLOTS - 1);
    const known = this.#slots[slot] as Kept;
    const { bytes } = known;
    if (bytes.length === length) {
      let i = 0;
      while (i < length && bytes[i] === buffer[from + i]) i++;
      if (i === length) return known.text;
    }
    let all = 0;
    for (let i = from; i < to; i++) all |= buffer[i] as number;
    // not a part of the read's text, which it would keep alive
    const value = buffer.toString('latin1', from, to);
    if (all > 127 || !this.#accept(value)) hotRead.declined = true;
    else this.#slots[slot] = { text: value, bytes: Uint8Array.prototype.slice.call(buffer, from, to) };
    return value;
  }
}

const tokens = new KeptTexts(isValidHeaderName);
const words = new KeptTexts(() => true);

/** Reads an HTTP token (a header name, a method), kept and checked once; declines other text. */
export function readToken(buffer: Buffer, end: number): string {
  return tokens.read(buffer, end);
}

/** Reads a short ASCII text that is likely to come again; declines other text. */
export function readWord(buffer: Buffer, end: number): string {
  return words.read(buffer, end);
}
