import { AgentwireError } from '@agentwire/core';
import type { BodyPiece } from './body-answers.ts';

/** Pieces of a body that have arrived and were not read, and the end of the body. */
export class Arrivals {
  /** Piece that is not answered. */
  piece: Uint8Array | undefined;
  /** `true` if nothing more arrives. */
  ended: boolean;
  /** Pieces that were answered. */
  #early: Uint8Array[] = [];
  #error: AgentwireError | undefined;
  #wake: (() => void) | undefined;

  constructor(ended: boolean) {
    this.ended = ended;
  }

  /** Checks that a piece may arrive. @throws AgentwireError `ERR_PROTOCOL` */
  check(): void {
    if (this.piece === undefined && !this.ended) return;
    throw new AgentwireError(
      'ERR_PROTOCOL',
      'a body chunk arrived before the one in front of it was answered, or after the end',
    );
  }

  /** Takes note of a piece, to be read unless something else has `taken` it. */
  add({ data, last }: BodyPiece, taken: boolean): void {
    this.ended = last;
    if (!taken) this.piece = data;
    this.#wake?.();
  }

  /** Fails what waits and will wait. */
  fail(error: AgentwireError): void {
    this.#error ??= error;
    this.#wake?.();
  }

  /** Bytes of all pieces. */
  get bytes(): number {
    return this.#early.reduce((sum, one) => sum + one.byteLength, this.piece?.byteLength ?? 0);
  }

  /** All pieces, in order. */
  get all(): Uint8Array[] {
    return this.piece === undefined ? this.#early : [...this.#early, this.piece];
  }

  /** Keeps the piece for later, although it is answered now. */
  keep(): void {
    this.#early = this.all;
    this.piece = undefined;
  }

  /** Returns the pieces that were answered, to be read now. */
  takeEarly(): Uint8Array[] {
    return this.#early.splice(0);
  }

  /** Returns the piece that is not answered, to be read now. */
  take(): Uint8Array | undefined {
    const { piece } = this;
    this.piece = undefined;
    return piece;
  }

  /** Waits for a piece or the end. @throws AgentwireError what the body has failed with */
  async wait(): Promise<void> {
    while (this.piece === undefined && !this.ended && this.#error === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    if (this.#error !== undefined) throw this.#error;
  }
}
