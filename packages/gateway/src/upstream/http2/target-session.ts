import { type ClientHttp2Session, connect } from 'node:http2';
import type { Socket } from 'node:net';
import { AgentwireError } from '@agentwire/core';
import type { Lifecycle } from '@agentwire/core/internal';
import type { Deadlines, Watched } from '../../deadlines.ts';
import type { ConnectionSettings } from '../upstream-connection.ts';

/** States of a {@link TargetSession}; `doubtful` waits for the answer to a ping, `leaving` only ends its streams. */
export type TargetSessionState = 'opening' | 'ready' | 'doubtful' | 'leaving' | 'over';

/** Transitions of a {@link TargetSession}. */
export const TARGET_SESSION_LIFECYCLE: Lifecycle<TargetSessionState> = {
  opening: { settings: 'ready', 'not in time': 'over', goaway: 'leaving', closed: 'over' },
  ready: { timeout: 'doubtful', silence: 'doubtful', goaway: 'leaving', idle: 'leaving', closed: 'over' },
  doubtful: { 'ping answered': 'ready', 'not in time': 'over', goaway: 'leaving', closed: 'over' },
  leaving: { closed: 'over' },
  over: {},
};

/** Collaborators of a {@link TargetSession}. */
export interface TargetSessionDeps {
  readonly settings: ConnectionSettings;
  readonly deadlines: Deadlines;
  /** Called when it has become usable, or a stream or the session has ended. */
  readonly onChange: (session: TargetSession) => void;
}

/** Bytes of one response that the target may send before they are read. */
const STREAM_WINDOW_BYTES = 262_144;

/** Bytes of all responses; a stream whose client is slow must not stop the others. */
const MAX_SESSION_WINDOW_BYTES = 1024 ** 3;

/** Longest head of a response, in bytes; of a request more than a client may send. */
const HEAD_BYTES = 65_536;
const MAX_SENT_HEAD_BYTES = 1024 ** 2 + 65_536;

/** Time that an idle connection is kept, in milliseconds. */
const IDLE_MS = 60_000;

/** One connection of HTTP/2 to a target. */
export class TargetSession implements Watched {
  readonly http2: ClientHttp2Session;
  readonly socket: Socket;
  /** Streams so far. */
  opened = 0;
  /** Open streams. */
  streams = 0;
  /** Error that it ended with. */
  error: Error | undefined;
  readonly #deps: TargetSessionDeps;
  #state: TargetSessionState = 'opening';
  /** Bytes that were read at {@link #heardAt}. */
  #bytesRead = 0;
  #heardAt: number;
  /** Time of the last change of state, or of the end of the last stream. */
  #since: number;

  /** @param socket connected, after TLS where the target has it */
  constructor(socket: Socket, deps: TargetSessionDeps) {
    const { settings, deadlines } = deps;
    this.#deps = deps;
    this.socket = socket;
    this.#since = deadlines.now();
    this.#heardAt = this.#since;
    const { maxStreamsPerConnection: streams } = settings;
    this.http2 = connect(settings.address.origin, {
      createConnection: () => socket,
      maxSessionMemory: 256,
      maxHeaderListPairs: 1_000,
      maxSendHeaderBlockLength: MAX_SENT_HEAD_BYTES,
      settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES, maxHeaderListSize: HEAD_BYTES },
    });
    this.http2
      .once('connect', () => {
        // node:http2 tells it also after the end
        if (this.http2.destroyed) return;
        this.http2.setLocalWindowSize(Math.min(MAX_SESSION_WINDOW_BYTES, (streams + 1) * STREAM_WINDOW_BYTES));
      })
      .once('remoteSettings', () => this.#become('opening', 'ready'))
      .on('goaway', () => this.#leave())
      .on('error', (error: Error) => (this.error ??= error))
      .once('close', () => this.#end());
    deadlines.add(this);
  }

  get state(): TargetSessionState {
    return this.#state;
  }

  /** `true` where it takes another stream. */
  get hasRoom(): boolean {
    const { maxStreamsPerConnection } = this.#deps.settings;
    const theirs = this.http2.remoteSettings?.maxConcurrentStreams ?? maxStreamsPerConnection;
    return this.#state === 'ready' && !this.http2.closed && this.streams < Math.min(maxStreamsPerConnection, theirs);
  }

  #become(from: TargetSessionState, to: TargetSessionState): void {
    if (this.#state !== from) return;
    this.#state = to;
    this.#since = this.#deps.deadlines.now();
    this.#deps.onChange(this);
  }

  /** Counts a stream that was opened. */
  open(): void {
    this.opened += 1;
    this.streams += 1;
    if (this.streams === 1) this.#heardAt = this.#deps.deadlines.now();
  }

  /** Counts a stream that has ended. */
  release(): void {
    this.streams -= 1;
    if (this.streams === 0) this.#since = this.#deps.deadlines.now();
    this.#deps.onChange(this);
  }

  /** Takes no more streams. */
  #leave(): void {
    if (this.#state === 'over') return;
    this.#state = 'leaving';
    this.http2.close();
    this.#deps.onChange(this);
  }

  /** Sends a ping, and takes no streams until it is answered: a request has timed out, or nothing has come for long. */
  doubt(): void {
    if (this.#state !== 'ready') return;
    this.#become('ready', 'doubtful');
    try {
      this.http2.ping((error) => {
        if (error === null) this.#become('doubtful', 'ready');
      });
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  check(now: number): void {
    const { connectTimeoutMs, keepAliveTimeoutMs = IDLE_MS, pingIntervalMs = Infinity } = this.#deps.settings;
    const { bytesRead } = this.socket;
    if (bytesRead !== this.#bytesRead) {
      this.#bytesRead = bytesRead;
      this.#heardAt = now;
    }
    const waitedMs = now - this.#since;
    if (this.#state === 'opening' && waitedMs >= connectTimeoutMs)
      this.destroy(
        new AgentwireError('ERR_TIMEOUT', `the upstream sent no HTTP/2 settings for ${connectTimeoutMs} ms`),
      );
    else if (this.#state === 'doubtful' && waitedMs >= connectTimeoutMs)
      this.destroy(new AgentwireError('ERR_CONNECT', `the upstream answered no ping for ${connectTimeoutMs} ms`));
    else if (this.#state === 'ready' && this.streams === 0 && waitedMs >= keepAliveTimeoutMs) this.#leave();
    else if (this.#state === 'ready' && this.streams > 0 && now - this.#heardAt >= pingIntervalMs) this.doubt();
  }

  /** Returns whether nothing was read since `bytesRead` of the socket. */
  isSilentSince(bytesRead: number): boolean {
    return this.socket.bytesRead === bytesRead;
  }

  destroy(error?: Error): void {
    this.error ??= error;
    this.http2.destroy();
    this.socket.destroy();
    this.#end();
  }

  #end(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#deps.deadlines.delete(this);
    this.#deps.onChange(this);
  }
}
