import {
  AgentwireError,
  negotiate,
  toAgentwireError,
  type Admission,
  type Credential,
  type Hello,
  type ListenOptions,
  type Peer,
  type PendingPeer,
} from '@agentwire/core';
import { isLogged } from '@agentwire/core/internal';
import {
  MAX_FRAME_BYTES,
  MAX_HANDSHAKE_FRAME_BYTES,
  writeFrame,
  type MessageCodec,
  type Outbox,
  type VersionOneProtocol,
} from '@agentwire/wire-codec';
import {
  ANSWER_FRAME,
  checkFirstFrame,
  isVersionOneFrame,
  OPENING_FRAME,
  streamMedium,
  type HandshakeShape,
} from '@agentwire/wire-codec/internal';
import { Channel, type ChannelUser } from './channel.ts';
import { FramedConnection } from './framed-connection.ts';
import { readOpening, writeRefusal } from './handshake-payloads.ts';
import type { ResolvedFramedOptions } from './framed-options.ts';
import type { MessageLink } from './message-link.ts';

/** Values that the handshakes of one listener share. */
export interface ListenerDeps {
  /** Prefix of connection ids. */
  readonly name: string;
  readonly options: ListenOptions;
  readonly framed: ResolvedFramedOptions;
  readonly admission: Admission;
}

/** Proof of identity that the medium itself carries. */
export type LinkCredential = Omit<Credential, 'token'>;

/** A peer whose first frame was understood, with what opens its connection. */
interface Introduced {
  readonly hello: Hello;
  readonly peer: Peer;
  /** Makes the answer that leaves before anything else; version 1 has none. */
  readonly answer?: (connectionId: string) => Uint8Array;
  readonly codec?: (outbox: Outbox) => MessageCodec;
  /** Delivers the event that the first frame carries; version 1 only. */
  readonly first?: (connection: FramedConnection) => void;
}

/** The handshake of one peer that connected to a listener: `waiting`, then `refused` until its link is gone, then `over`. */
export class IncomingHandshake implements ChannelUser {
  readonly #deps: ListenerDeps;
  readonly #pending: PendingPeer;
  readonly #channel: Channel;
  readonly #credential: LinkCredential;
  #state: 'waiting' | 'refused' | 'over' = 'waiting';
  #shape: HandshakeShape = 'union';
  /** Set for a peer of version 1, which has no message for a refusal. */
  #isVersionOne = false;

  constructor(deps: ListenerDeps, link: MessageLink, credential: LinkCredential, pending: PendingPeer) {
    this.#deps = deps;
    this.#credential = credential;
    this.#pending = pending;
    const { framed } = deps;
    // version 1 has no handshake: its first frame is an event already, such as a piece of a body
    const options = this.#versionOne() === undefined ? framed : { ...framed, firstMessageBytes: MAX_FRAME_BYTES };
    this.#channel = new Channel(link, `peer ${credential.address ?? ''}`, this, options);
  }

  start(): void {
    const { signal } = this.#pending;
    this.#pending.onDrop = (error) => this.#drop(error);
    if (signal.aborted) this.#drop(toAgentwireError(signal.reason, 'ERR_CLOSED'));
    else this.#channel.start();
  }

  #versionOne(): VersionOneProtocol | undefined {
    const { framed, options } = this.#deps;
    return options.self.role === 'agent' ? framed.versionOne : undefined;
  }

  onFrame(type: number, bytes: Buffer, start: number, end: number): boolean {
    const introduced = this.#read(type, bytes, start, end);
    if (introduced !== undefined) this.#decide(introduced);
    return true;
  }

  #decide(introduced: Introduced): void {
    if (this.#deps.options.authorize === undefined) this.#open(introduced);
    else {
      this.#channel.hold(false);
      void this.#authorize(introduced);
    }
  }

  #read(type: number, bytes: Buffer, start: number, end: number): Introduced | undefined {
    const versionOne = this.#versionOne();
    if (versionOne !== undefined && isVersionOneFrame(type)) {
      this.#isVersionOne = true;
      return introduceVersionOne(versionOne, this.#deps, bytes.subarray(start - 1, end));
    }
    checkFirstFrame(type, OPENING_FRAME);
    checkHandshakeLength(end - start + 1);
    const { self } = this.#deps.options;
    try {
      const opening = readOpening(bytes.subarray(start, end), self);
      this.#shape = opening.shape;
      const peer = negotiate(self, opening.hello, streamMedium(opening.dialect, self, opening.hello));
      return { hello: opening.hello, peer, answer: (id) => opening.accept(peer.encoding, id) };
    } catch (error) {
      const refusal = toAgentwireError(error, 'ERR_PROTOCOL');
      this.#later(refusal, () => this.#refuse(refusal));
      return undefined;
    }
  }

  /** Ends a peer whose opening could not be read with `end`, after the listener's delay if it has one. */
  #later(error: AgentwireError, end: () => void): void {
    const delayed = this.#state === 'waiting' ? this.#pending.hold(error, this.#credential.address) : undefined;
    if (delayed === undefined) {
      end();
      return;
    }
    this.#channel.discard();
    void delayed.then(end);
  }

  async #authorize(introduced: Introduced): Promise<void> {
    const { hello } = introduced;
    try {
      await this.#pending.authorize(hello, { ...this.#credential, token: hello.token });
    } catch (error) {
      this.#refuse(toAgentwireError(error, 'ERR_UNAUTHORIZED'));
      return;
    }
    if (this.#state !== 'waiting') return;
    this.#open(introduced);
    this.#channel.release();
  }

  #open({ peer, answer, codec, first }: Introduced): void {
    const { name, framed, options, admission } = this.#deps;
    const channel = this.#channel;
    const { outbox } = channel;
    let opened: FramedConnection | undefined;
    try {
      const release = admission.enter();
      try {
        const connection = new FramedConnection({
          name,
          channel,
          peer,
          logger: framed.logger,
          codec: codec?.(outbox),
          onEnded: release,
        });
        outbox.transaction(() => {
          if (answer !== undefined) {
            writeFrame(outbox, ANSWER_FRAME, answer(connection.id), MAX_HANDSHAKE_FRAME_BYTES);
          }
          connection.open(options.onConnection);
        });
        opened = connection;
      } catch (error) {
        release();
        throw error;
      }
    } catch (error) {
      this.#refuse(toAgentwireError(error, 'ERR_REFUSED'));
      return;
    }
    this.#state = 'over';
    this.#pending.done();
    first?.(opened);
  }

  /** Sends the reason, then ends; the peer counts as pending until its link is gone. */
  #refuse(error: AgentwireError): void {
    if (this.#state !== 'waiting') return;
    if (this.#isVersionOne) {
      this.#drop(error);
      return;
    }
    this.#state = 'refused';
    this.#report(error);
    this.#pending.refuse(error);
    const channel = this.#channel;
    try {
      const refusal = writeRefusal(this.#shape, this.#deps.options.self, error);
      writeFrame(channel.outbox, ANSWER_FRAME, refusal, MAX_HANDSHAKE_FRAME_BYTES);
    } catch {
      // this side's own name and capabilities do not fit into the frame, so the peer gets no reason
      this.#drop(error);
      return;
    }
    channel.discard();
    channel.end();
  }

  /** Drops the peer without a message. */
  #drop(error: AgentwireError): void {
    if (this.#state === 'over') return;
    if (this.#state === 'waiting') this.#report(error);
    this.#state = 'over';
    this.#pending.fail(error);
    this.#channel.destroy();
  }

  #report(error: AgentwireError): void {
    if (isLogged(error)) return;
    const { code, message } = error;
    this.#deps.framed.logger.warn({ code, peer: this.#credential.address }, `refused a peer: ${message}`);
  }

  onFault(error: AgentwireError): void {
    this.#later(error, () => this.#drop(error));
  }

  onDrain(): void {
    // one small frame never fills the outbox
  }

  onPeerEnd(): void {
    if (this.#state !== 'waiting') return;
    this.#drop(
      new AgentwireError('ERR_CLOSED', `the peer left in the handshake after ${this.#channel.receivedBytes} bytes`),
    );
  }

  onGone(error: AgentwireError | undefined): void {
    this.#drop(error ?? new AgentwireError('ERR_CLOSED', 'the peer left in the handshake'));
  }
}

/** The decoder takes events of version 1, so a handshake's length is checked here. @throws AgentwireError `ERR_PROTOCOL` */
function checkHandshakeLength(length: number): void {
  if (length <= MAX_HANDSHAKE_FRAME_BYTES) return;
  const limit = MAX_HANDSHAKE_FRAME_BYTES;
  throw new AgentwireError('ERR_PROTOCOL', `handshake of ${length} bytes, limit ${limit}`, {
    detail: { length, limit },
  });
}

/** Introduces a proxy of version 1, whose first frame is an event already. */
function introduceVersionOne(protocol: VersionOneProtocol, { framed }: ListenerDeps, bytes: Uint8Array): Introduced {
  const { peer } = protocol;
  // it may have to wait for `authorize`
  const frame = Buffer.from(bytes);
  return {
    hello: peer,
    peer,
    codec: (outbox) => protocol.createCodec({ role: 'agent', logger: framed.logger, outbox }),
    first(connection) {
      try {
        connection.onFrame(frame[0] as number, frame, 1, frame.length);
      } catch (error) {
        connection.onFault(toAgentwireError(error, 'ERR_PROTOCOL'));
      }
    },
  };
}
