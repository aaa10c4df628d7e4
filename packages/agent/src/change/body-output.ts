import { AgentwireError } from '@agentwire/core';
import { checkNotFreed } from '../body/freed-piece.ts';
import { type Coding, encoderOf } from './content-coding.ts';
import type { CodingStream } from './coding-stream.ts';

/** Output of a body that changes, in the codings of its message. */
export class BodyOutput {
  readonly #encoders: readonly CodingStream[];
  readonly #keep: (data: Uint8Array) => void;
  #dirty = false;

  /** @param keep takes the encoded bytes */
  constructor(codings: readonly Coding[], keep: (data: Uint8Array) => void) {
    this.#encoders = codings.map(encoderOf);
    this.#keep = keep;
  }

  /** Writes everything that `body` gives. @throws AgentwireError `ERR_HANDLER` for what is no text or bytes, `ERR_INVALID_STATE` for a freed piece */
  async writeAll(body: AsyncIterable<Uint8Array | string>): Promise<void> {
    try {
      for await (const piece of body) {
        const data = typeof piece === 'string' ? Buffer.from(piece) : piece;
        if (!(data instanceof Uint8Array))
          throw new AgentwireError('ERR_HANDLER', `the change of a body gave a ${typeof data}, no text or Uint8Array`);
        checkNotFreed('the change of a body gave', data);
        if (data.byteLength === 0) continue;
        this.#dirty = true;
        await this.#through(0, data);
      }
    } catch (error) {
      for (const encoder of this.#encoders) encoder.destroy();
      throw error;
    }
  }

  async #through(stage: number, data: Uint8Array): Promise<void> {
    const encoder = this.#encoders[stage];
    if (encoder === undefined) return this.#keep(data);
    for await (const piece of encoder.write(data)) await this.#through(stage + 1, piece);
  }

  /** Gives everything that was written, so that the other side can read it. */
  async flush(): Promise<void> {
    if (!this.#dirty) return;
    this.#dirty = false;
    for (const [stage, encoder] of this.#encoders.entries())
      for await (const piece of encoder.flush()) await this.#through(stage + 1, piece);
  }

  /** Gives the rest. */
  async end(): Promise<void> {
    for (const [stage, encoder] of this.#encoders.entries())
      for await (const piece of encoder.end()) await this.#through(stage + 1, piece);
  }
}
