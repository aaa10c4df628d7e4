import { types } from 'node:util';
import { nodeError } from './node-errors.ts';

/** Callback of `write` and `end`. */
export type Callback = (error?: Error | null) => void;

/** Bytes that an application wrote at once. */
export interface WrittenPiece {
  readonly chunk: Uint8Array;
  /** Called when they were sent. */
  readonly done: Callback | undefined;
}

/** Bytes that an application may write before its agents have decided; past it `write` returns `false`. */
const HIGH_WATER_BYTES = 65_536;

/** Returns the bytes of a chunk as a response of node takes it. @throws TypeError for what node refuses */
export function bytesOf(chunk: unknown, encoding: unknown): Uint8Array {
  if (typeof chunk === 'string')
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  if (types.isUint8Array(chunk)) return chunk;
  if (chunk === null) throw nodeError('ERR_STREAM_NULL_VALUES', 'May not write null values to stream', TypeError);
  const message = `The "chunk" argument must be of type string or an instance of Buffer or Uint8Array. Received ${typeof chunk}`;
  throw nodeError('ERR_INVALID_ARG_TYPE', message, TypeError);
}

/** Returns the length of a chunk as a response of node takes it; 0 for what is none. */
export function lengthOf(chunk: unknown, encoding: unknown): number {
  if (typeof chunk === 'string')
    return Buffer.byteLength(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  return types.isUint8Array(chunk) ? chunk.byteLength : 0;
}

/** Body that an application writes, until it is taken piece by piece. */
export class WrittenBody {
  readonly #onDrain: () => void;
  readonly #pieces: WrittenPiece[] = [];
  #waitingBytes = 0;
  #wake: (() => void) | undefined;
  /** All that was written. */
  bytes = 0;
  /** `true` where the application was told to wait. */
  needsDrain = false;
  /** `true` once the application has ended it. */
  ended = false;
  /** Shows what is taken to agents that observe it; `undefined` where there are none, or no body. */
  show: ((chunk: Uint8Array, last: boolean) => void) | undefined;

  /** @param onDrain called when the application may write again */
  constructor(onDrain: () => void) {
    this.#onDrain = onDrain;
  }

  /** `true` where nothing waits to be taken. */
  get taken(): boolean {
    return this.#pieces.length === 0;
  }

  /** `true` where the application has ended it without a byte. */
  get empty(): boolean {
    return this.ended && this.bytes === 0;
  }

  /** @returns whether the application may write more at once */
  write(chunk: Uint8Array, done: Callback | undefined): boolean {
    this.#pieces.push({ chunk, done });
    this.bytes += chunk.byteLength;
    this.#waitingBytes += chunk.byteLength;
    this.needsDrain = this.#waitingBytes >= HIGH_WATER_BYTES;
    return !this.needsDrain;
  }

  /** Continues a wait of {@link next}. */
  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Takes the next piece that is there. */
  shift(): WrittenPiece | undefined {
    const piece = this.#pieces.shift();
    this.#waitingBytes -= piece?.chunk.byteLength ?? 0;
    return piece;
  }

  /** Waits for the next piece and takes it; `undefined` at the end. */
  async next(): Promise<WrittenPiece | undefined> {
    while (this.#pieces.length === 0 && !this.ended) {
      this.announceDrain();
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const piece = this.shift();
    if (piece !== undefined) this.show?.(piece.chunk, false);
    return piece;
  }

  /** Tells the application that it may write again, where it was told to wait. */
  announceDrain(): void {
    if (!this.needsDrain) return;
    this.needsDrain = false;
    process.nextTick(this.#onDrain);
  }

  /** Drops what waits. @param error given to the callbacks of what is dropped */
  discard(error: Error): void {
    for (const { done } of this.#pieces.splice(0)) if (done !== undefined) process.nextTick(done, error);
    this.#waitingBytes = 0;
  }
}
