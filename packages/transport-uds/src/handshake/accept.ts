import type { Socket } from 'node:net';
import { negotiate, AgentwireError, toAgentwireError, type Credential, type ListenOptions } from '@agentwire/core';
import { MAX_FRAME_BYTES, MAX_HANDSHAKE_FRAME_BYTES, writeFrame } from '@agentwire/wire-codec';
import {
  ANSWER_FRAME,
  checkFirstFrame,
  isVersionOneFrame,
  OPENING_FRAME,
  streamMedium,
  type HandshakeShape,
} from '@agentwire/wire-codec/internal';
import type { ResolvedStreamOptions } from '../options.ts';
import { StreamConnection } from '../stream/connection.ts';
import { StreamLink, type LinkUser } from '../stream/link.ts';
import { readOpening, writeRefusal } from './protocol.ts';
import { admitVersionOne, type Admitted } from './version-one.ts';

/** What a listener lends to the handshakes of its peers. */
export interface AcceptHost {
  /** The transport's name, for connection ids. */
  readonly name: string;
  readonly options: ListenOptions;
  readonly stream: ResolvedStreamOptions;
  /** Takes a place for a new connection. @returns how to give it back, once. @throws AgentwireError `ERR_OVERLOADED`. */
  takePlace(): () => void;
}

/** What the socket itself proved. */
export type SocketCredential = Omit<Credential, 'token'>;

/** Where the decoder lets the events of version 1 through. @throws AgentwireError `ERR_PROTOCOL` */
function checkHandshakeLength(length: number): void {
  if (length <= MAX_HANDSHAKE_FRAME_BYTES) return;
  const limit = MAX_HANDSHAKE_FRAME_BYTES;
  throw new AgentwireError('ERR_PROTOCOL', `handshake of ${length} bytes, limit ${limit}`, {
    detail: { length, limit },
  });
}

/** The handshake of one peer that connected to a listener. Ends once: connected, refused or dropped. */
export class PendingPeer implements LinkUser {
  readonly #host: AcceptHost;
  readonly #link: StreamLink;
  readonly #credential: SocketCredential;
  readonly #onDone: () => void;
  readonly #left: AbortController = new AbortController();
  #state: 'waiting' | 'refused' | 'over' = 'waiting';
  #shape: HandshakeShape = 'union';
  /** Whether it speaks version 1, which has no words for a refusal. */
  #wordless = false;

  /** @param onDone called once, when it takes no room any more: connected, or its socket is gone */
  constructor(host: AcceptHost, socket: Socket, credential: SocketCredential, onDone: () => void) {
    this.#host = host;
    this.#credential = credential;
    this.#onDone = onDone;
    // version 1 shakes no hands: its first frame is an event already, such as a piece of a body
    const takesEvents = host.stream.versionOne !== undefined && host.options.self.role === 'agent';
    const options = takesEvents ? { ...host.stream, firstFrameBytes: MAX_FRAME_BYTES } : host.stream;
    this.#link = new StreamLink(socket, `peer ${credential.address ?? ''}`, this, options);
  }

  #finish(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#onDone();
  }

  onFrame(type: number, bytes: Buffer, start: number, end: number): void {
    const { options, stream } = this.#host;
    const { self } = options;
    let admitted: Admitted;
    if (stream.versionOne !== undefined && self.role === 'agent' && isVersionOneFrame(type)) {
      this.#wordless = true;
      admitted = admitVersionOne(stream.versionOne, stream.logger, bytes, start, end);
    } else {
      checkFirstFrame(type, OPENING_FRAME);
      checkHandshakeLength(end - start + 1);
      try {
        const opening = readOpening(bytes.subarray(start, end), self);
        this.#shape = opening.shape;
        const peer = negotiate(self, opening.hello, streamMedium(opening.dialect, self, opening.hello));
        admitted = { hello: opening.hello, peer, answer: (id) => opening.accept(peer.encoding, id) };
      } catch (error) {
        this.refuse(toAgentwireError(error, 'ERR_PROTOCOL'));
        return;
      }
    }
    if (options.authorize === undefined) this.#open(admitted);
    else {
      this.#link.hold(false);
      void this.#authorize(admitted);
    }
  }

  async #authorize(admitted: Admitted): Promise<void> {
    const { options } = this.#host;
    const { hello } = admitted;
    try {
      await options.authorize?.(hello, { ...this.#credential, token: hello.token }, this.#left.signal);
    } catch (error) {
      this.refuse(toAgentwireError(error, 'ERR_UNAUTHORIZED'));
      return;
    }
    if (this.#state !== 'waiting') return;
    this.#open(admitted);
    this.#link.release();
  }

  #open(admitted: Admitted): void {
    const host = this.#host;
    const { name, stream, options } = host;
    const { peer, answer, first } = admitted;
    const link = this.#link;
    let freePlace: (() => void) | undefined;
    let opened: StreamConnection;
    try {
      freePlace = host.takePlace();
      const codec = admitted.codec?.(link.outbox);
      const connection = new StreamConnection({ name, link, peer, logger: stream.logger, codec, onEnded: freePlace });
      opened = connection;
      link.outbox.transaction(() => {
        if (answer !== undefined) {
          writeFrame(link.outbox, ANSWER_FRAME, answer(connection.id), MAX_HANDSHAKE_FRAME_BYTES);
        }
        connection.open(options.onConnection);
      });
    } catch (error) {
      freePlace?.();
      this.refuse(toAgentwireError(error, 'ERR_REFUSED'));
      return;
    }
    this.#finish();
    first?.(opened);
  }

  /** Says why not, then ends; it takes room until its socket is gone. */
  refuse(error: AgentwireError): void {
    if (this.#state !== 'waiting') return;
    if (this.#wordless) return this.drop(error);
    this.#state = 'refused';
    this.#report(error);
    const link = this.#link;
    try {
      const refusal = writeRefusal(this.#shape, this.#host.options.self, error);
      writeFrame(link.outbox, ANSWER_FRAME, refusal, MAX_HANDSHAKE_FRAME_BYTES);
    } catch {
      // what this side says of itself does not fit into the frame, so the peer goes without a reason
      link.destroy();
      return;
    }
    link.deafen();
    link.end();
  }

  /** Drops the peer without a word. */
  drop(error: AgentwireError): void {
    if (this.#state === 'waiting') this.#report(error);
    this.#finish();
    this.#link.destroy();
  }

  #report(error: AgentwireError): void {
    const { code, message } = error;
    this.#host.stream.logger.warn({ code, peer: this.#credential.address }, `refused a peer: ${message}`);
    this.#left.abort(error);
  }

  onFault(error: AgentwireError): void {
    this.drop(error);
  }

  onDrain(): void {
    // one small frame never fills the outbox
  }

  onPeerEnd(): void {
    if (this.#state !== 'waiting') return;
    this.drop(
      new AgentwireError('ERR_CLOSED', `the peer left in the handshake after ${this.#link.receivedBytes} bytes`),
    );
  }

  onGone(error: AgentwireError | undefined): void {
    this.drop(error ?? new AgentwireError('ERR_CLOSED', 'the peer left in the handshake'));
  }
}
