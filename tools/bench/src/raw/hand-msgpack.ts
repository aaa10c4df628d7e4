import type { WorkloadEvent } from '../stacks/workload.ts';
import { textOf } from './buffer-text.ts';

// Positional arrays of ASCII texts, written for one event and one answer: how fast Node can be, and no more than that.

const CODES = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
const HEADS = CODES.map((_, length) => (length < 32 ? (CODES[0xa0 | length] ?? '') : `\xd9${CODES[length] ?? ''}`));

function text(value: string | undefined): string {
  const given = value ?? '';
  if (given.length > 255)
    throw new RangeError(`the yardstick writes texts of at most 255 characters, not ${given.length}`);
  return (HEADS[given.length] ?? '') + given;
}

function uint16(value: number): string {
  return `\xcd${CODES[value >> 8] ?? ''}${CODES[value & 255] ?? ''}`;
}

/** The bytes of an event behind its id, one character each: built whole, because one write is cheaper than forty. */
export function eventText({ metadata, method, uri, headers }: WorkloadEvent): string {
  let all =
    text(metadata.correlationId) +
    text(metadata.requestId) +
    text(metadata.clientIp) +
    uint16(metadata.clientPort) +
    text(metadata.serverName) +
    text(metadata.protocol) +
    text(metadata.tlsVersion) +
    text(metadata.tlsCipher) +
    text(metadata.routeId) +
    text(metadata.upstreamId) +
    text(metadata.timestamp) +
    text(method) +
    text(uri) +
    `\xdc\x00${CODES[headers.length] ?? ''}`;
  for (const part of headers) all += text(part);
  return all;
}

/** Reads events; the strings are cut out of one string of the whole chunk, which is cheaper than one call each. */
export class EventReader {
  #chunk: Buffer | undefined;
  #all = '';
  #at = 0;

  #text(chunk: Buffer): string {
    const head = chunk[this.#at] ?? 0;
    const short = (head & 0xe0) === 0xa0;
    const start = this.#at + (short ? 1 : 2);
    const length = short ? head & 31 : (chunk[this.#at + 1] ?? 0);
    this.#at = start + length;
    return this.#all.substring(start, this.#at);
  }

  /** Reads the event that begins at `start`. */
  read(chunk: Buffer, start: number): WorkloadEvent {
    if (this.#chunk !== chunk) {
      this.#chunk = chunk;
      this.#all = textOf(chunk).latin1Slice(0, chunk.length);
    }
    this.#at = start;
    const correlationId = this.#text(chunk);
    const requestId = this.#text(chunk);
    const clientIp = this.#text(chunk);
    const clientPort = chunk.readUInt16BE(this.#at + 1);
    this.#at += 3;
    const metadata = {
      correlationId,
      requestId,
      clientIp,
      clientPort,
      serverName: this.#text(chunk),
      protocol: this.#text(chunk),
      tlsVersion: this.#text(chunk),
      tlsCipher: this.#text(chunk),
      routeId: this.#text(chunk),
      upstreamId: this.#text(chunk),
      timestamp: this.#text(chunk),
    };
    const method = this.#text(chunk);
    const uri = this.#text(chunk);
    const count = chunk[this.#at + 2] ?? 0;
    this.#at += 3;
    const headers: string[] = [];
    for (let i = 0; i < count; i++) headers.push(this.#text(chunk));
    return { type: 'requestHeaders', metadata, method, uri, headers, hasBody: false };
  }
}

/** The one answer of the yardstick, behind its id: an allow with one header operation and one tag. */
export const ANSWER: Buffer = Buffer.from(
  `\x94${text('allow')}\x91\x93${text('set')}${text('x-agent')}${text('allow')}\x91${text('seen')}\xc2`,
  'latin1',
);
