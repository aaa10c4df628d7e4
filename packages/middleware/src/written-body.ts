type Callback = (error?: Error | null) => void;

/** Bytes that an application wrote at once. */
export interface WrittenPiece {
  readonly chunk: Uint8Array;
  /** Called when they were sent. */
  readonly done: Callback | undefined;
}

const EMPTY = new Uint8Array(0);

/** Bytes that an application may write before its agents have decided; past it `write` returns `false`. */
const HIGH_WATER_BYTES = 65_536;

function bytesOf(chunk: unknown, encoding: unknown): Uint8Array {
  if (typeof chunk === 'string')
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  return chunk instanceof Uint8Array ? chunk : EMPTY;
}

/** Body that an application writes, until it is taken piece by piece. Takes the arguments of `write` and `end` of a response. */
export class WrittenBody {
  readonly #onDrain: () => void;
  readonly #pieces: WrittenPiece[] = [];
  #bytes = 0;
  #needsDrain = false;
  #wake: (() => void) | undefined;
  /** `true` once the application has ended it. */
  ended = false;
  /** Called when all of it was sent. */
  endDone: Callback | undefined;
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
    return this.ended && this.#pieces.every(({ chunk }) => chunk.byteLength === 0);
  }

  /** @returns whether the application may write more at once */
  write(chunk: unknown, encoding: unknown, done: Callback | undefined): boolean {
    const callback = typeof encoding === 'function' ? (encoding as Callback) : done;
    const bytes = bytesOf(chunk, encoding);
    this.#pieces.push({ chunk: bytes, done: callback });
    this.#bytes += bytes.byteLength;
    this.#needsDrain = this.#bytes >= HIGH_WATER_BYTES;
    return !this.#needsDrain;
  }

  end(chunk: unknown, encoding: unknown, done: Callback | undefined): void {
    this.endDone = [chunk, encoding, done].find((one) => typeof one === 'function') as Callback | undefined;
    const bytes = bytesOf(chunk, encoding);
    if (bytes.byteLength > 0) this.#pieces.push({ chunk: bytes, done: undefined });
    this.ended = true;
  }

  /** Continues a wait of {@link next}. */
  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Takes the next piece that is there. */
  shift(): WrittenPiece | undefined {
    return this.#pieces.shift();
  }

  /** Waits for the next piece and takes it; `undefined` at the end. */
  async next(): Promise<WrittenPiece | undefined> {
    while (this.#pieces.length === 0 && !this.ended) {
      this.announceDrain();
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const piece = this.#pieces.shift();
    this.#bytes -= piece?.chunk.byteLength ?? 0;
    if (piece !== undefined) this.show?.(piece.chunk, false);
    return piece;
  }

  /** Tells the application that it may write again, where it was told to wait. */
  announceDrain(): void {
    if (!this.#needsDrain) return;
    this.#needsDrain = false;
    process.nextTick(this.#onDrain);
  }

  /** Ends it without what waits: what the application still writes goes nowhere. */
  discard(): void {
    this.ended = true;
    this.#pieces.length = 0;
  }
}
