import type { Socket } from 'node:net';
import type { WebSocketOpcode } from '@agentwire/core';
import { closeData, OPCODE, Receiver, Sender } from './frame-codec.ts';
import { type Close, type FrameFault, frameFault } from './frame-fault.ts';

/** Pieces of one message that are kept at most: fragments, and reads of the socket. */
const MAX_PIECES = 16_384;

/** Message or control frame. */
export interface Message {
  readonly opcode: Exclude<WebSocketOpcode, 'continuation'>;
  readonly data: Uint8Array;
}

type Item = Message | FrameFault | 'end';

/** Collaborators of a {@link FrameFlow}. */
export interface FrameFlowDeps {
  readonly source: Socket;
  readonly target: Socket;
  readonly fromClient: boolean;
  readonly maxMessageBytes: number;
  /** Decides on a message. @returns whether it passes */
  readonly judge: (message: Message) => Promise<boolean>;
  /** Called when the WebSocket must be closed. */
  readonly onFail: (error: unknown) => void;
  /** Called when a close frame was passed. */
  readonly onClose: () => void;
}

/**
 * One direction of a WebSocket: reads whole messages, has each one judged, and passes those that may, in order.
 *
 * Nothing is read while messages of the last read wait, so that at most one read and one message are kept.
 */
export class FrameFlow {
  readonly #deps: FrameFlowDeps;
  readonly #receiver: Receiver;
  #queue: Item[] = [];
  #busy = false;
  /** Resolves when what was read before has been passed. */
  #passing = Promise.resolve();
  /** Close that the target gets in place of the source's. */
  #last: Close | undefined;
  /** Set after a close frame or a fault: what follows is discarded. */
  #ended = false;
  #closeSent = false;
  #stopped = false;

  constructor(deps: FrameFlowDeps) {
    this.#deps = deps;
    const { fromClient, maxMessageBytes: maxPayload } = deps;
    const limits = { maxPayload, maxFragments: MAX_PIECES, maxBufferedChunks: MAX_PIECES };
    this.#receiver = new Receiver({ isServer: fromClient, ...limits });
    this.#receiver
      .on('message', (data: Uint8Array, isBinary: boolean) =>
        this.#queue.push({ opcode: isBinary ? 'binary' : 'text', data }),
      )
      .on('ping', (data: Uint8Array) => this.#queue.push({ opcode: 'ping', data }))
      .on('pong', (data: Uint8Array) => this.#queue.push({ opcode: 'pong', data }))
      .on('conclude', (code: number, reason: Uint8Array) => {
        this.#ended = true;
        this.#queue.push({ opcode: 'close', data: closeData(code, reason) });
      })
      .on('error', (error: Error) => {
        this.#ended = true;
        this.#queue.push(frameFault(error, fromClient ? 'client' : 'upstream'));
        // some errors come after the write
        this.#work();
      });
  }

  /** Begins to read. @param early bytes that came before */
  start(early: Uint8Array): void {
    const { source } = this.#deps;
    if (early.byteLength > 0) this.#onData(early);
    source.on('data', this.#onData);
    source.once('end', () => {
      this.#queue.push('end');
      this.#work();
    });
    if (!this.#busy) source.resume();
  }

  readonly #onData = (chunk: Uint8Array): void => {
    if (this.#ended || this.#stopped) return;
    this.#receiver.write(chunk);
    this.#work();
  };

  #work(): void {
    if (this.#busy || this.#queue.length === 0) return;
    this.#busy = true;
    this.#deps.source.pause();
    this.#passing = this.#passAll()
      .catch(this.#deps.onFail)
      .finally(() => {
        this.#busy = false;
        this.#deps.source.resume();
        if (!this.#stopped) this.#work();
      });
  }

  async #passAll(): Promise<void> {
    const items = this.#queue;
    this.#queue = [];
    for (const item of items) {
      if (this.#stopped) return;
      if (this.#last !== undefined && (item === 'end' || item instanceof Error || item.opcode === 'close'))
        return this.stop(this.#last);
      if (item === 'end') this.#deps.target.end();
      else if (item instanceof Error) throw item;
      // no await where nothing is waited for
      else if (item.opcode === 'text' || item.opcode === 'binary') await this.#judged(item);
      else await this.#write(item);
      if (item !== 'end' && !(item instanceof Error) && item.opcode === 'close') this.#closed();
    }
  }

  async #judged(message: Message): Promise<void> {
    const passes = await this.#deps.judge(message);
    if (passes && !this.#stopped) await this.#write(message);
  }

  #closed(): void {
    this.#closeSent = true;
    this.#deps.onClose();
  }

  async #write({ opcode, data }: Message): Promise<void> {
    const { target } = this.#deps;
    if (this.#closeSent || !target.writable || this.#send(OPCODE[opcode], data)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        target.off('drain', done).off('close', done);
        resolve();
      };
      target.on('drain', done).on('close', done);
    });
  }

  /** @returns whether more may be written at once */
  #send(opcode: number, data: Uint8Array): boolean {
    const { target, fromClient } = this.#deps;
    let keepsUp = true;
    target.cork();
    for (const part of Sender.frame(data, { fin: true, rsv1: false, opcode, mask: fromClient, readOnly: true }))
      keepsUp = target.write(part);
    target.uncork();
    return keepsUp;
  }

  /** Resolves when what was read has been passed. */
  async passed(): Promise<void> {
    while (this.#busy) await this.#passing;
  }

  /** Closes the target like this when the source closes or ends, or sends a bad frame. */
  endWith(close: Close): void {
    this.#last = close;
  }

  /** Closes the target, and discards what comes and waits. */
  stop({ code, reason }: Close): void {
    this.#stopped = true;
    this.#queue = [];
    const { source, target } = this.#deps;
    if (!this.#closeSent && target.writable) this.#send(OPCODE.close, closeData(code, Buffer.from(reason)));
    this.#closeSent = true;
    target.end();
    source.resume();
  }
}
