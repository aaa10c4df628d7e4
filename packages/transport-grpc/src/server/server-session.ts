import { constants, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { AgentwireError, type Credential, type TimerHandle } from '@agentwire/core';
import { SESSION_WINDOW_BYTES } from '../connection/http2-settings.ts';
import type { ResolvedGrpcOptions } from '../options.ts';
import { FloodGuard } from './flood-guard.ts';
import type { Pending, PendingTable } from './pending-table.ts';

/** Pings and settings that a peer may send in a burst. */
const MAX_CONTROL_FRAMES = 1000;
/** How long a session may be without a stream after its first. */
const IDLE_MS = 60_000;

/** What a listener knows of one HTTP/2 session: who it is, whether it has proved itself, how often it misbehaves. */
export class ServerSession {
  readonly session: ServerHttp2Session;
  /** Where it came from, for logs. */
  readonly address: string;
  readonly #certificate: Uint8Array | undefined;
  readonly #options: ResolvedGrpcOptions;
  readonly #resets: FloodGuard;
  readonly #controls: FloodGuard;
  #pending: Pending | undefined;
  #streams = 0;
  #idleTimer: TimerHandle;

  constructor(session: ServerHttp2Session, pending: PendingTable, options: ResolvedGrpcOptions) {
    const socket = session.socket as TLSSocket;
    this.session = session;
    this.address = `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`;
    this.#options = options;
    this.#certificate = certificateOf(socket);
    this.#resets = new FloodGuard(options.clock, options.maxStreamResets);
    this.#controls = new FloodGuard(options.clock, MAX_CONTROL_FRAMES);
    session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    // each stream listens for its GOAWAY
    session.setMaxListeners(options.maxStreamsPerSession + 16);
    this.#pending = pending.add((error) => this.#drop(error));
    session.on('error', (error) => options.logger.debug({ address: this.address, error }, 'HTTP/2 session failed'));
    session.on('ping', () => this.#control('ping'));
    session.on('remoteSettings', () => this.#control('settings'));
    session.once('close', () => {
      this.finishHandshake();
      options.clock.clearTimeout(this.#idleTimer);
    });
  }

  /** What the peer proved. */
  credential(token: string | undefined): Credential {
    const { address } = this;
    return {
      address,
      ...(token === undefined ? {} : { token }),
      ...(this.#certificate === undefined ? {} : { certificate: this.#certificate }),
    };
  }

  /** Whether nothing on this session has been let in yet. */
  get pending(): boolean {
    return this.#pending !== undefined;
  }

  /** Something on this session was let in. */
  finishHandshake(): void {
    this.#pending?.done();
    this.#pending = undefined;
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

function certificateOf(socket: TLSSocket): Uint8Array | undefined {
  if (!socket.encrypted || !socket.authorized) return undefined;
  const { raw } = socket.getPeerCertificate();
  return raw === undefined ? undefined : Uint8Array.from(raw);
}
