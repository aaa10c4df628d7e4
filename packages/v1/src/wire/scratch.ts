import { FRAME_HEADER_BYTES, Outbox } from '@agentwire/wire-codec';

/** Outbox that sends nothing: the codec of version 2 writes into it, and its frame is read back. */
export class Scratch extends Outbox {
  #end = 0;

  constructor() {
    super({ write: () => undefined }, { onDrain: () => undefined });
  }

  override reserve(size: number): number {
    if (this.bytes.length < size) this.bytes = Buffer.allocUnsafe(size);
    return 0;
  }

  override commit(end: number): boolean {
    this.#end = end;
    return true;
  }

  /** The payload of the frame that was written last; good until the next one. */
  get payload(): Buffer {
    return this.bytes.subarray(FRAME_HEADER_BYTES, this.#end);
  }
}
