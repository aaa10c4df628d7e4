import { AgentwireError, toAgentwireError, type Clock, type TimerHandle } from '@agentwire/core';
import { MAX_FRAME_BYTES, MAX_HANDSHAKE_FRAME_BYTES, Outbox, type Sink } from '@agentwire/wire-codec';
import { linkError } from './link-errors.ts';
import type { LinkReceiver, MessageLink } from './message-link.ts';

/** The current user of a {@link Channel}: first a handshake, then a connection. */
export interface ChannelUser {
  /** Takes one whole frame. A throw is handed back through {@link onFault}. @returns whether a view of `bytes` may be kept */
  onFrame(type: number, bytes: Buffer, start: number, end: number): boolean;
  /** Reports a fault in what the peer sent; nothing more is delivered. */
  onFault(error: AgentwireError): void;
  /** Reports that buffered bytes fell below the low-water mark. */
  onDrain(): void;
  /** Reports that the peer sends nothing more; `cut` when it stopped in the middle of a frame. */
  onPeerEnd(cut: AgentwireError | undefined): void;
  /** Reports the end of the medium, once and last; `error` is what broke it. */
  onGone(error: AgentwireError | undefined): void;
}

/** Options of a {@link Channel}. */
export interface ChannelOptions {
  readonly clock: Clock;
  /** Time that {@link Channel.end} waits for the peer, in milliseconds. */
  readonly closeTimeoutMs: number;
  /** Longest message before {@link Channel.takeMessages}, in bytes; default 64 KiB. */
  readonly firstMessageBytes?: number | undefined;
}

/** Interval of probes after the peer has ended its half, in milliseconds. */
const PROBE_MS = 1_000;
/** Bytes in front of a message in the outbox: its length. */
const LENGTH_BYTES = 4;

interface QueuedMessage {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/**
 * A link with its outgoing buffer, its queue for the time in which nothing is delivered, and the two ways to end. It knows
 * no messages. Input is `open`, `held` (queued) or `discarded`; the end is none, `ending` or `gone`.
 */
export class Channel implements LinkReceiver {
  readonly clock: Clock;
  readonly outbox: Outbox;
  user: ChannelUser;
  readonly #link: MessageLink;
  readonly #name: string;
  readonly #closeTimeoutMs: number;
  #input: 'open' | 'held' | 'discarded' = 'open';
  #end: 'none' | 'ending' | 'gone' = 'none';
  #limitBytes: number;
  #linkPaused = false;
  #messageBytes = 0;
  #queue: QueuedMessage[] = [];
  #queuedBytes = 0;
  /** The peer's end, for as long as messages in front of it are queued. */
  #peerEnd: { readonly cut: AgentwireError | undefined } | undefined;
  /** Set if the medium has ended in order while messages are queued: its end is reported behind them. */
  #closeWaits = false;
  #error: AgentwireError | undefined;
  #endTimer: TimerHandle = undefined;
  #probeTimer: TimerHandle = undefined;

  /** @param name stands for the peer in errors */
  constructor(link: MessageLink, name: string, user: ChannelUser, options: ChannelOptions) {
    this.clock = options.clock;
    this.user = user;
    this.#link = link;
    this.#name = name;
    this.#closeTimeoutMs = options.closeTimeoutMs;
    this.#limitBytes = options.firstMessageBytes ?? MAX_HANDSHAKE_FRAME_BYTES;
    this.outbox = new Outbox(sinkOf(link), { onDrain: () => this.user.onDrain() });
  }

  /** Begins to deliver. */
  start(): void {
    this.#link.limit?.(this.#limitBytes);
    this.#link.start(this);
  }

  /** Takes messages of full length from here on: the handshake is done. */
  takeMessages(): void {
    this.#limitBytes = MAX_FRAME_BYTES;
    this.#link.limit?.(MAX_FRAME_BYTES);
  }

  /** Bytes that have arrived. */
  get receivedBytes(): number {
    return this.#link.receivedBytes ?? this.#messageBytes;
  }

  /** Bytes of a message that is not whole yet. */
  get incompleteBytes(): number {
    return this.#link.incompleteBytes ?? 0;
  }

  onMessage(bytes: Buffer, start: number, end: number): boolean {
    if (this.#end === 'gone' || this.#input === 'discarded') return false;
    const length = end - start;
    this.#messageBytes += length;
    if (this.#input === 'open') return this.#take(bytes, start, end);
    this.#queue.push({ bytes, start, end });
    this.#queuedBytes += length;
    if (this.#queuedBytes > MAX_HANDSHAKE_FRAME_BYTES) this.#pauseLink();
    return true;
  }

  #take(bytes: Buffer, start: number, end: number): boolean {
    try {
      const length = end - start;
      if (length === 0 || length > this.#limitBytes) throw this.#lengthError(length);
      return this.user.onFrame(bytes[start] as number, bytes, start + 1, end);
    } catch (error) {
      this.onFault(toAgentwireError(error, 'ERR_PROTOCOL'));
      return true;
    }
  }

  #lengthError(length: number): AgentwireError {
    const limit = this.#limitBytes;
    return new AgentwireError('ERR_PROTOCOL', `message of ${length} bytes, 1 to ${limit} are allowed`, {
      detail: { length, limit },
    });
  }

  onFault(error: AgentwireError): void {
    if (this.#end !== 'gone') this.user.onFault(error);
  }

  onEnd(cut?: AgentwireError): void {
    if (this.#queue.length > 0) this.#peerEnd = { cut };
    else this.user.onPeerEnd(cut);
  }

  onClose(error?: Error): void {
    if (this.#end === 'gone') return;
    if (error === undefined && this.#queue.length > 0) {
      this.#closeWaits = true;
      return;
    }
    this.#end = 'gone';
    this.clock.clearTimeout(this.#endTimer);
    this.#drop();
    this.user.onGone(this.#error ?? (error === undefined ? undefined : linkError(error, this.#name)));
    this.outbox.discard();
  }

  #pauseLink(): void {
    if (this.#linkPaused) return;
    this.#linkPaused = true;
    this.#link.pause();
  }

  #drop(): void {
    this.clock.clearTimeout(this.#probeTimer);
    this.#input = 'discarded';
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#peerEnd = undefined;
  }

  /** Delivers nothing until {@link release}; with `stopReading` the peer is made to wait as well. */
  hold(stopReading: boolean): void {
    if (this.#input === 'discarded') return;
    this.#input = 'held';
    if (stopReading) this.#pauseLink();
    else if (this.#link.hold !== undefined) {
      this.#linkPaused = true;
      this.#link.hold();
    }
  }

  /** Delivers again after {@link hold}, first what has been queued. */
  release(): void {
    if (this.#input !== 'held') return;
    this.#input = 'open';
    const queue = this.#queue;
    this.#queue = [];
    let next = 0;
    while (next < queue.length && this.#isOpen()) {
      const { bytes, start, end } = queue[next] as QueuedMessage;
      next += 1;
      this.#queuedBytes -= end - start;
      this.#take(bytes, start, end);
    }
    if (!this.#isOpen()) {
      if (next < queue.length && !this.#isDiscarded()) this.#queue = [...queue.slice(next), ...this.#queue];
      return;
    }
    if (this.#closeWaits) {
      this.onClose();
      return;
    }
    if (this.#linkPaused) {
      this.#linkPaused = false;
      this.#link.resume();
    }
    const peerEnd = this.#peerEnd;
    if (peerEnd === undefined || !this.#isOpen()) return;
    this.#peerEnd = undefined;
    this.user.onPeerEnd(peerEnd.cut);
  }

  // read again after each callback, which may have changed it
  #isOpen(): boolean {
    return this.#input === 'open';
  }

  #isDiscarded(): boolean {
    return this.#input === 'discarded';
  }

  /** Drops everything that has arrived and will arrive. */
  discard(): void {
    this.#drop();
    if (this.#end === 'gone') return;
    if (this.#closeWaits) this.onClose();
    else if (this.#link.discard !== undefined) this.#link.discard();
    else this.#link.resume();
  }

  /** Probes a peer that has ended its half, once per {@link PROBE_MS} until this side ends. */
  probe(): void {
    if (this.#end !== 'none' || this.#link.probe === undefined) return;
    this.#link.probe();
    this.#probeTimer = this.clock.setTimeout(() => this.probe(), PROBE_MS);
  }

  /** Sends what is buffered, then ends; drops the link when the peer does not follow in time. */
  end(): void {
    if (this.#end !== 'none') return;
    this.#end = 'ending';
    this.clock.clearTimeout(this.#probeTimer);
    this.#endTimer = this.clock.setTimeout(() => {
      this.#error ??= new AgentwireError(
        'ERR_TIMEOUT',
        `the other side did not end within ${this.#closeTimeoutMs} ms, ${this.outbox.size} bytes were dropped`,
      );
      this.#link.abort();
      this.#drop();
      this.onClose();
    }, this.#closeTimeoutMs);
    this.outbox.whenEmpty(() => this.#link.close());
  }

  /** Drops the link now; its user is told nothing more. */
  destroy(): void {
    this.#end = 'gone';
    this.clock.clearTimeout(this.#endTimer);
    this.#drop();
    this.outbox.discard();
    this.#link.abort();
  }
}

function sinkOf(link: MessageLink): Sink {
  if (link.sendFrames !== undefined) return { write: (frames, done) => link.sendFrames?.(frames, done) };
  return { write: (frames, done) => sendEach(link, frames, done) };
}

/** Sends the messages of `frames` one by one; the outbox hands over whole frames only. */
function sendEach(link: MessageLink, frames: Uint8Array, done: (error?: Error | null) => void): void {
  const view = new DataView(frames.buffer, frames.byteOffset, frames.byteLength);
  for (let at = 0; at < frames.length;) {
    const end = at + LENGTH_BYTES + view.getUint32(at);
    link.send(frames.subarray(at + LENGTH_BYTES, end), end === frames.length ? done : ignore);
    at = end;
  }
}

// links finish their sends in order and report a broken one through onClose
function ignore(): void {}
