import {
  ConnectionBase,
  type AgentwireError,
  type CloseReason,
  type Logger,
  type Message,
  type OnConnection,
  type Peer,
  type Received,
} from '@agentwire/core';
import { DeliveredBytes } from '@agentwire/core/internal';
import { createMessageCodec, type MessageCodec } from '@agentwire/wire-codec';
import type { Channel, ChannelUser } from './channel.ts';

/** Parameters of a {@link FramedConnection}. */
export interface FramedConnectionDeps {
  /** Prefix of the connection's id. */
  readonly name: string;
  readonly channel: Channel;
  readonly peer: Peer;
  readonly logger: Logger;
  /** Writes and reads its messages; default as `peer` demands. */
  readonly codec?: MessageCodec | undefined;
  /** Called once when it is over. */
  readonly onEnded?: (() => void) | undefined;
}

/** Messages whose fields are texts and numbers only: no view of their bytes is kept. */
const ALL_TEXT: ReadonlySet<Received['type']> = new Set<Received['type']>([
  'requestHeaders',
  'responseHeaders',
  'requestComplete',
  'cancel',
]);

/** A negotiated connection over a {@link Channel}. */
export class FramedConnection extends ConnectionBase implements ChannelUser {
  readonly peer: Peer;
  readonly #channel: Channel;
  readonly #codec: MessageCodec;
  /** Encoded form of events, if decoding has no side effect, so that a copy can be decoded later. */
  readonly #encoded: DeliveredBytes | undefined;
  readonly #onEnded: (() => void) | undefined;
  #peerEnded = false;
  #cut: AgentwireError | undefined;

  constructor(deps: FramedConnectionDeps) {
    super(deps.name);
    const { channel, peer, logger } = deps;
    this.peer = peer;
    this.#channel = channel;
    this.#onEnded = deps.onEnded;
    const codec = deps.codec ?? createMessageCodec({ role: peer.role === 'agent' ? 'proxy' : 'agent', peer, logger });
    this.#codec = codec;
    if (deps.codec === undefined && peer.role === 'proxy')
      this.#encoded = new DeliveredBytes((bytes) => codec.read(bytes[0] as number, bytes, 1, bytes.length));
  }

  get bufferedBytes(): number {
    return this.#channel.outbox.size;
  }

  get receivedBytes(): number {
    return this.#channel.receivedBytes;
  }

  /** Takes the channel over and asks for the handler; a throw is a refusal, and leaves the channel to the caller. */
  open(onConnection: OnConnection): void {
    const channel = this.#channel;
    const before = channel.user;
    channel.user = this;
    channel.takeMessages();
    try {
      this.attach(onConnection);
    } catch (error) {
      channel.user = before;
      super.ended({ by: 'local' });
      throw error;
    }
  }

  protected write(message: Message): boolean {
    return this.#codec.write(message, this.#channel.outbox);
  }

  onFrame(type: number, bytes: Buffer, start: number, end: number): boolean {
    const message = this.#codec.read(type, bytes, start, end);
    if (message === undefined) return false;
    const encoded = this.#encoded;
    if (encoded === undefined) this.deliver(message);
    else {
      // the byte in front of a payload is its type
      encoded.expose(bytes, start - 1, end);
      this.deliver(message, encoded);
      encoded.expire();
    }
    return !ALL_TEXT.has(message.type);
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
    if (cut === undefined && this.peerEnded()) this.#channel.probe();
    else void this.close();
  }

  onGone(error: AgentwireError | undefined): void {
    const by = this.#peerEnded || this.status === 'open' ? 'remote' : 'local';
    // the system's error of a medium that both sides have ended is of no interest
    const broke = (this.status === 'open' && !this.#peerEnded) || this.bufferedBytes > 0;
    const reported = this.#cut ?? (broke ? error : undefined);
    this.ended(reported === undefined ? { by } : { by, error: reported });
  }

  protected override ended(reason: CloseReason): void {
    if (this.status === 'closed') return;
    super.ended(reason);
    this.#onEnded?.();
  }

  override pause(): void {
    if (this.status === 'closed' || this.paused) return;
    super.pause();
    if (this.status === 'closing') this.#channel.discard();
    else this.#channel.hold(true);
  }

  override resume(): void {
    if (!this.paused) return;
    super.resume();
    // later, so that nothing is delivered from inside the caller's own code
    queueMicrotask(() => {
      if (!this.paused && this.status !== 'closed') this.#channel.release();
    });
  }

  protected startClose(): void {
    // a paused connection does not see the peer's end, so the rest is read and dropped
    if (this.paused) this.#channel.discard();
    this.#channel.end();
  }

  protected destroy(): void {
    this.#channel.destroy();
  }
}
