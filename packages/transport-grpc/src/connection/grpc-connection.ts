import type { Http2Session } from 'node:http2';
import {
  AgentwireError,
  ConnectionBase,
  type Answer,
  type Clock,
  type CloseReason,
  type Malformed,
  type Message,
  type OnConnection,
  type Peer,
  type Received,
  type Role,
  type TimerHandle,
} from '@agentwire/core';
import { DeliveredBytes } from '@agentwire/core/internal';
import { MAX_BUFFERED_BYTES } from '@agentwire/wire-codec/internal';
import type { Codec } from '../codec/codec.ts';
import { PREFIX_BYTES } from './message-reader.ts';
import type { MessageStream, MessageStreamUser } from './message-stream.ts';
import { SessionDrain } from './session-drain.ts';

/** Dependencies of a {@link GrpcConnection}. */
export interface GrpcConnectionDeps {
  readonly role: Role;
  readonly peer: Peer;
  readonly codec: Codec;
  readonly messages: MessageStream;
  readonly session: Http2Session;
  /** `true` for an agentwire peer: a drain is a message, and an end means an end. */
  readonly isAgentwire: boolean;
  readonly clock: Clock;
  readonly closeTimeoutMs: number;
  /** Longest message to take, in bytes; what the peer takes may be less. */
  readonly maxReadBytes: number;
  /** Called once, after the handler's `onClose`. */
  readonly onEnded: () => void;
}

/** Prefix of the ids that are generated for a Configure without one. */
export const MADE_UP_ID = 'agentwire-configure-';
/** Unreadable messages in a row, none of them with an id, that end a connection. */
const MAX_UNREADABLE = 16;

const EVENTS: ReadonlySet<Message['type']> = new Set<Message['type']>([
  'requestHeaders',
  'requestBodyChunk',
  'responseHeaders',
  'responseBodyChunk',
  'requestComplete',
  'webSocketFrame',
  'guardrailInspect',
  'configure',
]);

/** Messages of a request, which need an id. */
const NAMED: ReadonlySet<Message['type']> = new Set<Message['type']>([...EVENTS, 'answer', 'cancel']);

/** One ProcessStream after its handshake, as the contract's connection; the same class at both ends. */
export class GrpcConnection extends ConnectionBase implements MessageStreamUser {
  readonly peer: Peer;
  readonly #options: GrpcConnectionDeps;
  readonly #messages: MessageStream;
  readonly #codec: Codec;
  readonly #isAgentwire: boolean;
  /** Encoded form of events. */
  readonly #encoded: DeliveredBytes | undefined;
  #unreadable = 0;
  #drain: SessionDrain | undefined;
  #closeTimer: TimerHandle;

  constructor(options: GrpcConnectionDeps) {
    super('grpc');
    this.peer = options.peer;
    this.#options = options;
    this.#messages = options.messages;
    this.#codec = options.codec;
    if (options.peer.role === 'proxy') this.#encoded = new DeliveredBytes((bytes) => this.#decode(bytes));
    this.#isAgentwire = options.isAgentwire;
  }

  /** Gets its handler and takes over the stream. @throws the error of `onConnection`, and then leaves no trace */
  open(onConnection: OnConnection): void {
    this.attach(onConnection);
    if (this.status === 'closed') return;
    this.#messages.user = this;
    this.#messages.maxBytes = this.#options.maxReadBytes;
    const drain = this.#sessionDrain();
    this.#messages.outbox.whenEmpty(() => drain.handshakeLeft());
  }

  /** Closes it without touching the stream, which still has to send the refusal. */
  discard(): void {
    this.ended({ by: 'local' });
  }

  get bufferedBytes(): number {
    return this.#messages.bufferedBytes;
  }

  get receivedBytes(): number {
    return this.#messages.receivedBytes;
  }

  onFrame(buffer: Buffer, start: number, end: number): void {
    const read = this.#codec.read(buffer, start, end);
    if (read === undefined) return;
    if (read.type === 'handshake') {
      this.failWith(new AgentwireError('ERR_PROTOCOL', `${this.peer.name} sent a second handshake`));
      return;
    }
    if (read.type === 'malformed') {
      this.#unreadableMessage(read);
      return;
    }
    if (NAMED.has(read.type) && (read as { id?: unknown }).id === '') {
      this.#unreadableMessage({
        type: 'malformed',
        of: read.type,
        error: new AgentwireError('ERR_PROTOCOL', `${read.type} has no correlation id`),
      });
      return;
    }
    this.#unreadable = 0;
    const encoded = this.#encoded;
    if (encoded === undefined) return this.deliver(read);
    encoded.expose(buffer, start, end);
    this.deliver(read, encoded);
    encoded.expire();
  }

  #decode(bytes: Buffer): Received | undefined {
    const read = this.#codec.read(bytes, 0, bytes.length);
    return read?.type === 'handshake' ? undefined : read;
  }

  #unreadableMessage(malformed: Malformed): void {
    this.#unreadable = malformed.id === undefined ? this.#unreadable + 1 : 0;
    this.deliver(malformed);
    if (this.#unreadable < MAX_UNREADABLE) return;
    this.failWith(new AgentwireError('ERR_PROTOCOL', `${MAX_UNREADABLE} unreadable messages in a row`));
  }

  onDrain(): void {
    this.drained();
  }

  onFault(error: AgentwireError): void {
    this.failWith(error);
  }

  onEnd(error: AgentwireError | undefined): void {
    // a client that has ended its half may wait for answers; a server that has ended its half has ended the call
    if (error === undefined && this.#options.role === 'agent' && this.peerEnded()) return;
    this.#endedByPeer(error);
  }

  onGone(error: AgentwireError | undefined): void {
    this.#endedByPeer(error);
  }

  #endedByPeer(
    error: AgentwireError | undefined,
    by: CloseReason['by'] = this.status === 'closing' ? 'local' : 'remote',
  ): void {
    this.#messages.end(this.#options.closeTimeoutMs);
    this.ended(error === undefined ? { by } : { by, error });
  }

  protected override ended(reason: CloseReason): void {
    const first = this.status !== 'closed';
    const { clock, onEnded } = this.#options;
    clock.clearTimeout(this.#closeTimer);
    super.ended(reason);
    if (!first) return;
    this.#drain?.stop();
    onEnded();
  }

  protected write(message: Message): boolean {
    if (message.type === 'answer') return this.#answer(message);
    if (message.type === 'configure' && !this.#isAgentwire) this.#refuseConfigure();
    if (message.type === 'drain' && !this.#isAgentwire && this.#options.role === 'agent') {
      this.#sessionDrain().drain();
      return true;
    }
    return this.#send(message);
  }

  #send(message: Message): boolean {
    const { outbox } = this.#messages;
    const limit = this.peer.maxMessageBytes;
    const before = this.#messages.bufferedBytes;
    if ('data' in message && message.data !== null) {
      // checked before anything is encoded: a refused message must not cost memory
      if (message.data.length > limit) this.#tooLarge(message, message.data.length);
      this.#checkRoom(message, before, message.data.length);
    }
    const end = this.#codec.write(message, outbox);
    const at = outbox.reserve(0);
    const length = end - at - PREFIX_BYTES;
    if (length > limit) this.#tooLarge(message, length);
    this.#checkRoom(message, before, length);
    return this.#messages.commit(at, end);
  }

  #checkRoom(message: Message, before: number, length: number): void {
    if (before === 0 || before + length <= MAX_BUFFERED_BYTES || !EVENTS.has(message.type)) return;
    throw new AgentwireError(
      'ERR_OVERLOADED',
      `${before} bytes wait on ${this.id} and ${MAX_BUFFERED_BYTES} are allowed; stop when send returns false`,
    );
  }

  #tooLarge(message: Message, length: number): never {
    throw new AgentwireError(
      'ERR_MESSAGE_TOO_LARGE',
      `${message.type} of ${length} bytes is larger than the ${this.peer.maxMessageBytes} that ${this.peer.name} takes; send less at a time`,
      { detail: { length, limit: this.peer.maxMessageBytes } },
    );
  }

  /** A third-party peer cannot acknowledge a Configure, which has no id there: no caller would learn whether it was applied. */
  #refuseConfigure(): never {
    throw new AgentwireError(
      'ERR_UNSUPPORTED',
      `${this.peer.name} is not agentwire and cannot acknowledge a configuration over gRPC; configure it where it runs`,
    );
  }

  #answer(message: Answer): boolean {
    // the sender of a Configure without an id waits for no answer
    const unasked = !this.#isAgentwire && String(message.id).startsWith(MADE_UP_ID);
    return unasked || this.#send(message);
  }

  /** Drain by GOAWAY; a third-party peer has no message for it. */
  #sessionDrain(): SessionDrain {
    this.#drain ??= new SessionDrain({
      session: this.#options.session,
      isPaused: () => this.paused,
      onDrain: () => this.deliver({ type: 'drain' }),
    });
    return this.#drain;
  }

  override pause(): void {
    super.pause();
    this.#messages.pause();
  }

  override resume(): void {
    super.resume();
    this.#drain?.resume();
    if (!this.paused && this.status !== 'closed') this.#messages.resume();
  }

  protected startClose(): void {
    const { clock, closeTimeoutMs } = this.#options;
    if (this.#messages.over) {
      this.#endedByPeer(undefined, 'remote');
      return;
    }
    // a paused stream would never see the other side's end
    this.#messages.end(closeTimeoutMs);
    this.#closeTimer = clock.setTimeout(() => {
      this.abort(new AgentwireError('ERR_TIMEOUT', `${this.peer.name} did not end ${this.id} in ${closeTimeoutMs} ms`));
    }, closeTimeoutMs);
    if (this.paused) this.resume();
  }

  protected destroy(error?: AgentwireError): void {
    if (error === undefined) this.#messages.destroy(undefined);
    else this.#messages.fail(error);
  }
}
