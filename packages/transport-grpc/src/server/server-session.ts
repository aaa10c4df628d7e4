import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import {
  AgentwireError,
  type Admission,
  type Clock,
  type Credential,
  type ListenOptions,
  type PendingPeer,
  type TimerHandle,
} from '@agentwire/core';
import { SESSION_WINDOW_BYTES } from '../connection/http2-settings.ts';
import type { ResolvedGrpcOptions } from '../options.ts';

/** Parts of a listener that its sessions, streams and calls share. */
export interface ServerDeps {
  readonly listen: ListenOptions;
  readonly options: ResolvedGrpcOptions;
  readonly admission: Admission;
  /** Address of the listener, which stands for that of a peer on a Unix socket. */
  readonly address: string;
}

/** Pings and settings that a peer may send in a burst. */
const MAX_CONTROL_FRAMES = 1000;
/** Time in milliseconds that a session may be without a stream after its first. */
const IDLE_MS = 60_000;

/** One HTTP/2 session of a listener: its address and credential, its pending handshake, and its rate limits. */
export class ServerSession {
  readonly session: ServerHttp2Session;
  /** Remote address, for logs. */
  readonly address: string;
  readonly #certificate: Uint8Array | undefined;
  readonly #options: ResolvedGrpcOptions;
  readonly #admission: Admission;
  readonly #resets: TokenBucket;
  readonly #controls: TokenBucket;
  /** Pending until something on this session is admitted. */
  readonly #own: PendingPeer;
  #claimed = false;
  #streams = 0;
  #idleTimer: TimerHandle;

  constructor(session: ServerHttp2Session, { admission, options, address }: ServerDeps) {
    const socket = session.socket as TLSSocket;
    this.session = session;
    const { remoteAddress, remotePort } = socket;
    this.address = remoteAddress === undefined ? address : `${remoteAddress}:${remotePort}`;
    this.#options = options;
    this.#admission = admission;
    this.#certificate = certificateOf(socket);
    this.#resets = new TokenBucket(options.clock, options.maxStreamResets);
    this.#controls = new TokenBucket(options.clock, MAX_CONTROL_FRAMES);
    session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    // each stream listens for its GOAWAY
    session.setMaxListeners(options.maxStreamsPerSession + 16);
    this.#own = admission.begin((error) => this.#drop(error));
    session.on('error', (error) => options.logger.debug({ address: this.address, error }, 'HTTP/2 session failed'));
    session.on('ping', () => this.#control('ping'));
    session.on('remoteSettings', () => this.#control('settings'));
    session.once('close', () => {
      this.#own.done();
      options.clock.clearTimeout(this.#idleTimer);
    });
  }

  /** Credential of the peer. */
  credential(token: string | undefined): Credential {
    const { address } = this;
    return {
      address,
      ...(token === undefined ? {} : { token }),
      ...(this.#certificate === undefined ? {} : { certificate: this.#certificate }),
    };
  }

  /**
   * Begins the handshake of a stream or call. The first one of the session continues the session's pending handshake; any
   * other one gets a slot and a deadline of its own.
   *
   * @param onDrop called when the listener drops that handshake
   */
  begin(onDrop?: (error: AgentwireError) => void): PendingPeer {
    if (this.#claimed) return this.#admission.begin(onDrop);
    this.#claimed = true;
    return this.#own;
  }

  /** Ends the handshake of a stream or call that was admitted, and with it the session's. */
  admit(peer: PendingPeer): void {
    peer.done();
    this.#own.done();
  }

  /** Fails the handshake of a stream or call; the session keeps its slot and deadline until one of its streams is admitted. */
  refuse(peer: PendingPeer, error: AgentwireError): void {
    if (peer === this.#own) peer.refuse(error);
    else peer.fail(error);
  }

  /** Watches a stream for resets, and the session for being left without streams. */
  watch(stream: ServerHttp2Stream): void {
    const { clock } = this.#options;
    this.#streams += 1;
    clock.clearTimeout(this.#idleTimer);
    stream.once('close', () => {
      this.#streams -= 1;
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR && !this.#resets.take()) {
        this.#drop(new AgentwireError('ERR_OVERLOADED', 'too many streams were reset'));
      }
      if (this.#streams > 0 || this.session.destroyed) return;
      this.#idleTimer = clock.setTimeout(() => this.session.close(), IDLE_MS);
    });
  }

  #control(what: string): void {
    if (!this.#controls.take()) this.#drop(new AgentwireError('ERR_OVERLOADED', `too many ${what} frames`));
  }

  #drop(error: AgentwireError): void {
    if (this.session.destroyed) return;
    this.#options.logger.warn({ address: this.address, code: error.code }, `HTTP/2 session dropped: ${error.message}`);
    this.session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
}

/** Token bucket of `burst` tokens that refills at a tenth of it per second. */
class TokenBucket {
  readonly #clock: Clock;
  readonly #burst: number;
  #left: number;
  #at: number;

  constructor(clock: Clock, burst: number) {
    this.#clock = clock;
    this.#burst = burst;
    this.#left = burst;
    this.#at = clock.now();
  }

  /** Takes one token. @returns `false` when there is none. */
  take(): boolean {
    const now = this.#clock.now();
    this.#left = Math.min(this.#burst, this.#left + ((now - this.#at) / 1000) * (this.#burst / 10));
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}

function certificateOf(socket: TLSSocket): Uint8Array | undefined {
  if (!socket.encrypted || !socket.authorized) return undefined;
  const { raw } = socket.getPeerCertificate();
  return raw === undefined ? undefined : Uint8Array.from(raw);
}
