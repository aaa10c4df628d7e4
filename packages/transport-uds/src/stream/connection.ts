import {
  ConnectionBase,
  type AgentwireError,
  type CloseReason,
  type Logger,
  type Message,
  type OnConnection,
  type Peer,
} from '@agentwire/core';
import { DeliveredBytes } from '@agentwire/core/internal';
import { createMessageCodec, type MessageCodec } from '@agentwire/wire-codec';
import type { LinkUser, StreamLink } from './link.ts';

/** What a {@link StreamConnection} is made from. */
export interface StreamConnectionSetup {
  /** Stands before the number in the connection's id. */
  readonly name: string;
  readonly link: StreamLink;
  readonly peer: Peer;
  readonly logger: Logger;
  /** How its messages are written and read; default as `peer` says. */
  readonly codec?: MessageCodec | undefined;
  /** Called once when it is over. */
  readonly onEnded?: (() => void) | undefined;
}

/** An agreed connection over a byte stream. */
export class StreamConnection extends ConnectionBase implements LinkUser {
  readonly peer: Peer;
  readonly #link: StreamLink;
  readonly #codec: MessageCodec;
  /** Encoded form of events, if decoding has no effect besides, so that a copy can be decoded later. */
  readonly #encoded: DeliveredBytes | undefined;
  readonly #onEnded: (() => void) | undefined;
  #peerEnded = false;
  #cut: AgentwireError | undefined;

  constructor(setup: StreamConnectionSetup) {
    super(setup.name);
    const { link, peer, logger } = setup;
    this.peer = peer;
    this.#link = link;
    this.#onEnded = setup.onEnded;
    const codec = setup.codec ?? createMessageCodec({ role: peer.role === 'agent' ? 'proxy' : 'agent', peer, logger });
    this.#codec = codec;
    if (setup.codec === undefined && peer.role === 'proxy')
      this.#encoded = new DeliveredBytes((bytes) => codec.read(bytes[0] as number, bytes, 1, bytes.length));
  }

  get bufferedBytes(): number {
    return this.#link.outbox.size;
  }

  get receivedBytes(): number {
    return this.#link.receivedBytes;
  }

  /** Takes the link over and asks for the handler; a throw is a refusal, and leaves the link to the caller. */
  open(onConnection: OnConnection): void {
    const link = this.#link;
    const before = link.user;
    link.user = this;
    link.takeMessages();
    try {
      this.attach(onConnection);
    } catch (error) {
      link.user = before;
      super.ended({ by: 'local' });
      throw error;
    }
  }

  protected write(message: Message): boolean {
    return this.#codec.write(message, this.#link.outbox);
  }

  onFrame(type: number, bytes: Buffer, start: number, end: number): void {
    const message = this.#codec.read(type, bytes, start, end);
    if (message === undefined) return;
    const encoded = this.#encoded;
    if (encoded === undefined) return this.deliver(message);
    // the byte in front of a payload is its type
    encoded.expose(bytes, start - 1, end);
    this.deliver(message, encoded);
    encoded.expire();
  }

  onFault(error: AgentwireError): void {
    this.failWith(error);
  }

  onDrain(): void {
    this.drained();
  }

  onPeerEnd(cut: AgentwireError | undefined): void {
    if (this.status === 'open') {
      this.#peerEnded = true;
      this.#cut = cut;
    }
    void this.close();
  }

  onGone(error: AgentwireError | undefined): void {
    const byPeer = this.#peerEnded || this.status === 'open';
    // what the system says about a socket that both sides have ended is of no interest
    const what = this.#cut ?? (this.status === 'open' || this.bufferedBytes > 0 ? error : undefined);
    const by = byPeer ? 'remote' : 'local';
    this.ended(what === undefined ? { by } : { by, error: what });
  }

  protected override ended(reason: CloseReason): void {
    if (this.status === 'closed') return;
    super.ended(reason);
    this.#onEnded?.();
  }

  override pause(): void {
    if (this.status === 'closed' || this.paused) return;
    super.pause();
    if (this.status === 'closing') this.#link.deafen();
    else this.#link.hold(true);
  }

  override resume(): void {
    if (!this.paused) return;
    super.resume();
    // later, so that nothing is delivered from inside the caller's own code
    queueMicrotask(() => {
      if (!this.paused && this.status !== 'closed') this.#link.release();
    });
  }

  protected startClose(): void {
    // who is paused will not see the other side's end, so the rest is dropped and read over
    if (this.paused) this.#link.deafen();
    this.#link.end();
  }

  protected destroy(): void {
    this.#link.destroy();
  }
}
