import { AgentwireError } from '@agentwire/core';
import { markMessage } from '@agentwire/core/internal';
import { LengthPrefixedReader } from '@agentwire/wire-codec/internal';
import { ReadMemory } from './read-memory.ts';

/** Bytes in front of every gRPC message: a compression flag and its length. */
export const PREFIX_BYTES = 5;
/** A cut message of up to this length gets its memory at once: a chunk of 64 KiB and its fields. */
const PROMPT_BYTES = 66 * 1024;
/** Messages that are delivered in one turn of the event loop. */
const MESSAGES_PER_TURN = 16;
/** Bytes left for later turns from which nothing more should be read. */
const MAX_PENDING_BYTES = 256 * 1024;

/** Dependencies of a {@link MessageReader}. */
export interface MessageReaderDeps {
  /** Takes one message: the bytes of `buffer` from `start` up to `end`, which are never overwritten. */
  readonly onFrame: (buffer: Buffer, start: number, end: number) => void;
  /** Called in a later turn of the event loop; must call {@link MessageReader.turn}. */
  readonly onTurn: () => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/**
 * Cuts the bytes of a stream into gRPC messages and delivers a few of a read in each turn of the event loop.
 *
 * Node's HTTP/2 sends nothing while it delivers what it read, so all answers to one read would leave together and both sides
 * would alternate. With a turn in between the other side starts with the first answers.
 */
export class MessageReader extends LengthPrefixedReader {
  /** Longest message to accept, in bytes. */
  maxBytes: number;
  readonly #deps: MessageReaderDeps;
  readonly #memory: ReadMemory = new ReadMemory();
  /** Messages that may still be delivered in this turn. */
  #budget = MESSAGES_PER_TURN;
  /** A turn was scheduled. */
  #scheduled = false;
  #held = false;

  constructor(maxBytes: number, deps: MessageReaderDeps) {
    super({ prefixBytes: PREFIX_BYTES, promptBytes: PROMPT_BYTES, now: deps.now });
    this.maxBytes = maxBytes;
    this.#deps = deps;
  }

  /** Takes the next bytes. @throws AgentwireError `ERR_MESSAGE_TOO_LARGE`, `ERR_UNSUPPORTED`, `ERR_PROTOCOL` */
  read(chunk: Buffer): void {
    this.#memory.onRead(chunk);
    const before = this.#budget;
    this.push(chunk);
    if (this.retained) this.#memory.retain();
    this.#pace(before);
  }

  /** `true` while so much is left for later turns that nothing more should be read. */
  get full(): boolean {
    return this.#scheduled && this.pendingBytes > MAX_PENDING_BYTES;
  }

  /** Delivers nothing until {@link release}. */
  hold(): void {
    this.#held = true;
    this.pause();
  }

  /** Ends {@link hold}. @throws AgentwireError as {@link read} */
  release(): void {
    this.#held = false;
    this.#deliverPending();
  }

  /** Goes on with what earlier turns left. @throws AgentwireError as {@link read} */
  turn(): void {
    this.#scheduled = false;
    this.#budget = MESSAGES_PER_TURN;
    this.#deliverPending();
  }

  /** Delivers everything that earlier turns left, unless it is held. @throws AgentwireError as {@link read} */
  finish(): void {
    if (this.#held || this.pendingBytes === 0) return;
    this.#budget = Infinity;
    this.resume();
    this.#budget = this.#scheduled ? 0 : MESSAGES_PER_TURN;
    if (this.#scheduled) this.pause();
  }

  #deliverPending(): void {
    if (this.#held || this.#budget === 0) return;
    const before = this.#budget;
    this.resume();
    this.#pace(before);
  }

  #pace(before: number): void {
    if (this.#scheduled) return;
    // one message in a read is the usual case under low load, and needs no turn of its own
    if (before - this.#budget < 2) {
      this.#budget = MESSAGES_PER_TURN;
      return;
    }
    this.#scheduled = true;
    setImmediate(this.#deps.onTurn);
  }

  protected deliver(bytes: Buffer, start: number, end: number, isAlone: boolean): boolean {
    if (isAlone) markMessage(bytes);
    this.#budget -= 1;
    if (this.#budget === 0) this.pause();
    this.#deps.onFrame(bytes, start, end);
    return true;
  }

  protected bodyLength(bytes: Buffer, at: number): number {
    const flag = bytes[at] as number;
    if (flag !== 0) {
      const what = `gRPC message with compression flag ${flag}; this side takes no compressed messages`;
      throw new AgentwireError(flag === 1 ? 'ERR_UNSUPPORTED' : 'ERR_PROTOCOL', what);
    }
    const size = bytes.readUInt32BE(at + 1);
    const limit = this.maxBytes;
    if (size <= limit) return size;
    const what = `gRPC message of ${size} bytes is larger than the limit of ${limit}`;
    throw new AgentwireError('ERR_MESSAGE_TOO_LARGE', what, { detail: { size, limit } });
  }
}
