import { AgentwireError } from '@agentwire/core';
import type { Dispatcher } from 'undici';
import { isBodiless } from '../response/bodiless.ts';
import type { Watched } from '../sweep.ts';
import type { SocketGate } from './socket-gate.ts';
import { Upload } from './upload.ts';
import type { UpstreamConnection } from './upstream-connection.ts';
import { asUpstreamError, isConnectionLoss } from './upstream-error.ts';
import type { UpstreamControl, UpstreamRequest, UpstreamResponse } from './upstream-request.ts';

/** What a call needs of the upstream it belongs to. */
export interface CallOwner {
  readonly timeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly queueTimeoutMs: number;
  now(): number;
  /** The call has ended or needs its connection no more. */
  release(call: UpstreamCall): void;
  /** Ends the call whose client has stalled for the longest time, as reader or as sender, and at least for `minMs`. @returns whether there was one */
  evictSlowest(now: number, minMs: number): boolean;
}

type State = 'queued' | 'sent' | 'body' | 'received' | 'over';

/** Methods whose request may be sent again when it is not known whether the first one had an effect (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

function rawList(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(raw)) return [];
  return raw.map((part: Buffer | string) => (typeof part === 'string' ? part : part.toString('latin1')));
}

/**
 * One request to the upstream and its response, from the queue to the end.
 *
 * What the parser has read when the response is stopped waits here: at most one read of the socket. Nothing more is read
 * until that was taken.
 */
export class UpstreamCall implements UpstreamControl, Watched, Dispatcher.DispatchHandler {
  readonly request: UpstreamRequest;
  readonly response: UpstreamResponse;
  readonly #owner: CallOwner;
  readonly #upload: Upload | undefined;
  connection: UpstreamConnection | undefined;
  /** Times that it was sent. */
  attempts = 0;
  #state: State = 'queued';
  #since: number;
  #evicted = false;
  #controller: Dispatcher.DispatchController | undefined;
  #gate: SocketGate | undefined;
  /** Whether its connection stood already when it was handed over. */
  #stood = false;
  /** Whether its first byte was handed to the connection. */
  #started = false;
  #reused = false;
  #retried = false;
  #flowing = true;
  /** Whether the response is whole with its head. */
  #bodiless = false;
  #waiting: Uint8Array[] = [];

  constructor(owner: CallOwner, request: UpstreamRequest, response: UpstreamResponse) {
    this.#owner = owner;
    this.request = request;
    this.response = response;
    this.#since = owner.now();
    const { body } = request;
    if (body !== null && !(body instanceof Uint8Array)) this.#upload = new Upload(body, this.#touch);
  }

  readonly #touch = (): void => {
    this.#since = this.#owner.now();
  };

  get hasMore(): boolean {
    return this.#waiting.length > 0 || this.#state === 'received';
  }

  /** Sends it on a connection that is its own until `release`. */
  send(connection: UpstreamConnection): void {
    this.connection = connection;
    this.#state = 'sent';
    this.#started = false;
    const { gate } = connection;
    this.#stood = gate?.socket.destroyed === false;
    this.#touch();
    const { method, path, headers, body } = this.request;
    const options = { method, path, headers: headers as string[], body: this.#upload ?? body };
    connection.dispatch(options as Dispatcher.DispatchOptions, this);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#started = true;
    this.attempts += 1;
    this.#gate = this.connection?.gate;
    if (this.#gate !== undefined) {
      this.#reused = this.#gate.requests > 0;
      this.#gate.requests += 1;
      this.#gate.heard = false;
    }
    if (this.#state === 'over') controller.abort(new AgentwireError('ERR_ABORTED', 'the request is over'));
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    // informational ones give the upstream no more time
    if (status < 200 || this.#state === 'over') return;
    this.#state = 'body';
    this.#bodiless = isBodiless(this.request.method, status);
    this.#touch();
    if (!this.response.onHead(status, rawList(controller.rawHeaders), this)) this.#stop();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.#state === 'over') return;
    this.#touch();
    if (!this.#flowing) this.#waiting.push(chunk);
    else if (!this.response.onData(chunk)) this.#stop();
  }

  onResponseEnd(): void {
    // a body that ends with its connection is taken for whole by the parser even when a reset was its end
    const cut = this.#gate?.socket.errored ?? null;
    if (cut !== null) return this.onResponseError(undefined, cut);
    this.#receiveEnd();
  }

  #receiveEnd(): void {
    const live = this.#state !== 'over';
    this.#leave('received');
    if (!live) this.#state = 'over';
    else if (this.#flowing) this.#end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    if (this.#state === 'sent' && this.#mayRetry(error)) {
      const { connection } = this;
      this.#retried = true;
      // the connection's own bookkeeping comes first; it dials anew then
      if (connection !== undefined) return process.nextTick(() => this.#retry(connection));
    }
    // a 304 may have a content-length, which the parser then misses; and nothing that comes later belongs to it
    if (this.#state === 'body' && this.#bodiless) return this.#receiveEnd();
    const live = this.#state !== 'over';
    this.#leave('over');
    if (live) this.response.onError(asUpstreamError(error));
  }

  #mayRetry(error: Error): boolean {
    const { request } = this;
    if (this.#retried || !isConnectionLoss(error)) return false;
    // the connection was lost before anything of the request was written
    if (!this.#started) return this.#stood;
    if (!this.#reused || this.#gate?.heard !== false) return false;
    return IDEMPOTENT.has(request.method) && (this.#upload?.replayable ?? true);
  }

  #retry(connection: UpstreamConnection): void {
    if (this.#state === 'over') this.#leave('over');
    else this.send(connection);
  }

  resume(): void {
    if (this.#flowing || this.#state === 'over') return;
    this.#flowing = true;
    this.#touch();
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      const [first] = waiting;
      // together: what came as many small chunks is one question to each agent
      if (first !== undefined && !this.response.onData(waiting.length === 1 ? first : Buffer.concat(waiting)))
        this.#flowing = false;
      else if (this.#state === 'received') this.#end();
      else this.#gate?.resume();
    } catch (error) {
      this.abort(error as Error);
    }
  }

  #stop(): void {
    this.#flowing = false;
    this.#gate?.stop();
  }

  #end(): void {
    this.#state = 'over';
    this.response.onEnd();
  }

  /** Ends it: the response's `onError` gets the error, unless it has ended before. */
  abort(error: Error): void {
    if (this.#state === 'over') return;
    const was = this.#state;
    this.#state = 'over';
    this.#waiting = [];
    if (was === 'queued') this.#owner.release(this);
    else if (was !== 'received') this.#controller?.abort(error);
    this.response.onError(error);
  }

  #leave(state: State): void {
    this.#state = state;
    // the next request of the connection must not find it stopped
    this.#gate?.resume();
    this.#owner.release(this);
    this.connection = undefined;
  }

  check(now: number): void {
    const { queueTimeoutMs, timeoutMs, idleTimeoutMs } = this.#owner;
    if (this.#state === 'queued') this.#checkQueued(now - this.#since, now, queueTimeoutMs);
    // while the client, or an agent, is waited for, the upstream is not
    else if (this.#upload?.pulling === true || !this.#flowing) this.#since = now;
    else if (this.#state === 'sent' && now - this.#since >= timeoutMs)
      this.#timeOut(`the upstream did not begin its response within ${timeoutMs} ms; see upstreamTimeoutMs`);
    else if (this.#state === 'body' && now - this.#since >= idleTimeoutMs)
      this.#timeOut(`the upstream sent nothing for ${idleTimeoutMs} ms; see upstreamIdleTimeoutMs`);
  }

  #checkQueued(waitedMs: number, now: number, limitMs: number): void {
    if (waitedMs >= limitMs) {
      const message = `no connection to the upstream came free within ${limitMs} ms; see upstreamConnections`;
      return this.abort(new AgentwireError('ERR_OVERLOADED', message));
    }
    // one makes room for one
    if (waitedMs < limitMs / 2 || this.#evicted) return;
    this.#evicted = this.#owner.evictSlowest(now, limitMs / 2);
  }

  #timeOut(message: string): void {
    this.abort(new AgentwireError('ERR_TIMEOUT', message));
  }
}
