import { FrameReader, type OnFrame } from './frame-reader.ts';

/** Messages that are handed out in one turn of the event loop. */
const MESSAGES_PER_TURN = 16;
/** Bytes that may be left for later turns; past it they are handed out at once. */
const MAX_KEPT_BYTES = 256 * 1024;

/**
 * Hands out a few messages of a read in each turn of the event loop.
 *
 * Node's HTTP/2 sends nothing while it hands out what it read, so all answers to one read would leave together and both
 * sides would take turns. Going on in the next turn lets the other side begin with the first answers.
 */
export class PacedReader {
  readonly #frames: FrameReader;
  readonly #guard: (step: () => void) => void;
  #paused = false;
  #turning = false;

  /** @param guard runs a step that hands messages out, and takes what it throws */
  constructor(maxBytes: number, onFrame: OnFrame, guard: (step: () => void) => void) {
    this.#frames = new FrameReader(maxBytes, onFrame);
    this.#frames.budget = MESSAGES_PER_TURN;
    this.#guard = guard;
  }

  /** Longest message to take from now on, in bytes. */
  set maxBytes(value: number) {
    this.#frames.maxBytes = value;
  }

  /** Bytes of an unfinished message. */
  get partialBytes(): number {
    return this.#frames.partialBytes;
  }

  /** Takes the next bytes. */
  push(chunk: Buffer): void {
    this.#step(() => this.#frames.push(chunk));
    if (this.#frames.keptBytes > MAX_KEPT_BYTES) this.finish();
  }

  /** Stops handing out messages; what is there stays. */
  pause(): void {
    this.#paused = true;
    this.#frames.stop();
  }

  /** Hands out messages again. */
  resume(): void {
    this.#paused = false;
    this.#step(() => this.#frames.start());
  }

  /** Drops what is there. */
  drop(): void {
    this.#paused = true;
    this.#frames.drop();
  }

  /** Hands out everything that is left for later turns, unless it is paused. */
  finish(): void {
    if (this.#paused || this.#frames.keptBytes === 0) return;
    this.#frames.budget = Number.MAX_SAFE_INTEGER;
    this.#step(() => this.#frames.go());
    this.#frames.budget = this.#turning ? 0 : MESSAGES_PER_TURN;
  }

  #step(step: () => void): void {
    const frames = this.#frames;
    const before = frames.budget;
    this.#guard(step);
    if (this.#turning) return;
    // one message in a read is the usual thing where little is under way, and needs no turn of its own
    if (before - frames.budget < 2) {
      frames.budget = MESSAGES_PER_TURN;
      return;
    }
    this.#turning = true;
    setImmediate(this.#onTurn);
  }

  readonly #onTurn = (): void => {
    this.#turning = false;
    this.#frames.budget = MESSAGES_PER_TURN;
    this.#step(() => this.#frames.go());
  };
}
