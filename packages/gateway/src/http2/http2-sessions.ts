import {
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Clock } from '@agentwire/core';
import { Sweep } from '@agentwire/core/internal';
import type { ResolvedHttp2Options } from '../options/http2-options.ts';
import { Http2Request } from './http2-request.ts';
import { Http2Response } from './http2-response.ts';

/** Collaborators and limits of {@link Http2Sessions}. */
export interface Http2SessionsDeps {
  readonly http2: ResolvedHttp2Options;
  readonly clock: Clock;
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  /** Time to the first request of a connection, in milliseconds. */
  readonly requestHeadTimeoutMs: number;
  /** Time that a connection without requests is kept, in milliseconds. */
  readonly keepAliveTimeoutMs: number;
  readonly onRequest: (request: Http2Request, response: Http2Response, expectsContinue: boolean) => void;
}

interface Client {
  readonly session: ServerHttp2Session;
  readonly socket: Socket;
  open: number;
  /** Time since which no request is open. */
  idleSince: number;
  /** Time that it may stay so, in milliseconds. */
  idleMs: number;
}

/** Largest stream id: a GOAWAY with it announces an end, and refuses nothing yet (RFC 9113 §6.8). */
const NO_LAST_STREAM = 2 ** 31 - 1;

const ignore = (): void => undefined;

const NOT_IMPLEMENTED = { ':status': 501, 'content-length': '0' };

/** HTTP/2 connections of clients: their limits, their streams as requests, and their ends. */
export class Http2Sessions {
  readonly #deps: Http2SessionsDeps;
  readonly #server: ReturnType<typeof createServer>;
  readonly #clients = new Set<Client>();
  readonly #sweep: Sweep;
  #draining = false;

  constructor(deps: Http2SessionsDeps) {
    this.#deps = deps;
    const { http2, clock, maxHeadBytes, maxHeaders, requestHeadTimeoutMs, keepAliveTimeoutMs } = deps;
    this.#server = createServer({
      maxSessionMemory: http2.maxSessionBytes / 1024 ** 2,
      // four pseudo headers, and one line more than allowed: a gateway answers 431
      maxHeaderListPairs: maxHeaders + 5,
      maxSessionInvalidFrames: 100,
      maxSessionRejectedStreams: 100,
      streamResetBurst: http2.resetBurst,
      streamResetRate: http2.resetsPerSecond,
      settings: {
        maxConcurrentStreams: http2.maxStreams,
        initialWindowSize: http2.streamWindowBytes,
        maxHeaderListSize: maxHeadBytes,
        enablePush: false,
      },
    });
    this.#server.on('session', (session) => this.#add(session));
    this.#sweep = new Sweep(clock, Math.ceil(Math.min(requestHeadTimeoutMs, keepAliveTimeoutMs) / 4), () => {
      this.#endIdle(clock.now());
      return this.#clients.size > 0;
    });
  }

  /** Takes a connection that speaks HTTP/2; what was read of it must be back in its buffer. */
  accept(socket: Socket): void {
    // servers of node:http keep the other half open: the requests of a client that has left would go on
    socket.allowHalfOpen = false;
    // node:http2 creates the session before this returns
    this.#accepted = socket;
    this.#server.emit('connection', socket);
  }

  #accepted: Socket | undefined;

  #add(session: ServerHttp2Session): void {
    const { clock, requestHeadTimeoutMs, http2 } = this.#deps;
    // of its own accord node:http2 allows 65 535 bytes, which one upload that waits would take from all others
    session.setLocalWindowSize(Math.max(http2.connectionWindowBytes, http2.streamWindowBytes));
    const socket = this.#accepted as Socket;
    const client: Client = { session, socket, open: 0, idleSince: clock.now(), idleMs: requestHeadTimeoutMs };
    this.#clients.add(client);
    if (!this.#sweep.running) this.#sweep.start();
    // a fault of the client ends its connection: node:http2 has told it
    session.on('error', ignore);
    session.once('close', () => this.#clients.delete(client));
    session.on('stream', (stream, headers, _flags, raw) => this.#onStream(client, stream, headers, raw));
    if (this.#draining) session.close();
  }

  #onStream(client: Client, stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]): void {
    // a stream may have failed before this event, and tells it later: an error without a listener ends the process
    stream.on('error', ignore);
    client.open += 1;
    stream.once('close', () => this.#onStreamClose(client));
    if (stream.destroyed) return;
    const request = new Http2Request(stream, client.socket, headers, raw);
    if (request.method === 'CONNECT') {
      stream.respond(NOT_IMPLEMENTED, { endStream: true });
      stream.close(constants.NGHTTP2_NO_ERROR);
      return;
    }
    const expectsContinue = headers.expect?.toLowerCase() === '100-continue';
    this.#deps.onRequest(request, new Http2Response(stream, request), expectsContinue);
  }

  #onStreamClose(client: Client): void {
    client.open -= 1;
    if (client.open > 0) return;
    client.idleSince = this.#deps.clock.now();
    client.idleMs = this.#deps.keepAliveTimeoutMs;
  }

  #endIdle(now: number): void {
    for (const client of this.#clients) {
      if (client.open > 0 || now - client.idleSince < client.idleMs) continue;
      // the second time, the client has not closed its side
      if (client.session.closed) client.session.destroy();
      else client.session.close();
    }
  }

  /**
   * Announces to every client that its connection ends, and refuses new streams after `graceMs`: what a client has sent
   * meanwhile is served.
   */
  drain(graceMs: number): void {
    for (const { session } of this.#clients)
      if (!session.closed && !session.destroyed) session.goaway(0, NO_LAST_STREAM);
    this.#deps.clock.setTimeout(() => {
      this.#draining = true;
      for (const { session } of this.#clients) session.close();
    }, graceMs);
  }

  /** Cuts every connection. */
  close(): void {
    this.#sweep.stop();
    for (const { session } of this.#clients) session.destroy();
  }
}
