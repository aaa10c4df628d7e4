import { constants } from 'node:buffer';
import { AgentwireError } from '@agentwire/core';
import { freeMemory } from '@agentwire/core/internal';
import { LargeBodyBuffer } from '@agentwire/mmap-buffer';

/** Collects a whole body, piece by piece. */
export interface Collector {
  /** Adds a piece. @throws AgentwireError `ERR_BODY_TOO_LARGE` past the limit, `ERR_NO_SPACE`, `ERR_IO` */
  add(data: Uint8Array): void;
  /** Returns the whole body. */
  bytes(): Uint8Array;
  /** Frees what {@link bytes} returned, where it is a copy that nothing else has. */
  freeCopy?(): void;
}

/** Returns the error of a body past its limit. */
function tooLarge(limit: number): AgentwireError {
  return new AgentwireError(
    'ERR_BODY_TOO_LARGE',
    `the body is longer than ${limit} bytes; raise the limit of bytes()`,
    {
      detail: { limit },
    },
  );
}

/** Collects on the heap: pieces are kept as they are and joined once. */
export class HeapCollector implements Collector {
  readonly #limit: number;
  #pieces: Uint8Array[] = [];
  #copy: Uint8Array | undefined;
  readonly #free: (data: Uint8Array) => void;
  #length = 0;

  /** @param free takes pieces that were copied */
  constructor(limit: number, free: (data: Uint8Array) => void) {
    this.#limit = limit;
    this.#free = free;
  }

  add(data: Uint8Array): void {
    this.#length += data.byteLength;
    if (this.#length > this.#limit) {
      this.#pieces = [];
      throw tooLarge(this.#limit);
    }
    if (data.byteLength > 0) this.#pieces.push(data);
  }

  bytes(): Uint8Array {
    const [first] = this.#pieces;
    if (first === undefined) return new Uint8Array(0);
    if (this.#pieces.length === 1) return first;
    const whole = Buffer.concat(this.#pieces, this.#length);
    for (const piece of this.#pieces) this.#free(piece);
    this.#pieces = [whole];
    this.#copy = whole;
    return whole;
  }

  freeCopy(): void {
    if (this.#copy !== undefined) freeMemory(this.#copy);
  }
}

/** Collects in a `LargeBodyBuffer`, which moves to a mapped file past 1 MiB. */
export class SpillCollector implements Collector {
  readonly #buffer: LargeBodyBuffer;
  readonly #free: (data: Uint8Array) => void;

  /** @param free takes pieces that were copied */
  constructor(limit: number, free: (data: Uint8Array) => void) {
    this.#free = free;
    this.#buffer = new LargeBodyBuffer({ maxBodySize: Math.min(limit, constants.MAX_LENGTH) });
  }

  add(data: Uint8Array): void {
    this.#buffer.writeChunk(data);
    this.#free(data);
  }

  bytes(): Uint8Array {
    return this.#buffer.asSlice();
  }

  /** Frees memory and file; views of them are empty from then on. */
  release(): void {
    this.#buffer.clear();
  }
}
