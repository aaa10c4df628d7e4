import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { AgentwireError, type HeaderList } from '@agentwire/core';
import { freeMemory, type Lifecycle, type ListEntry } from '@agentwire/core/internal';
import { isBodiless } from '../response/body-framing.ts';
import type { Watched } from '../deadlines.ts';
import { linesAsText } from './lines-as-text.ts';
import { Upload } from './upload.ts';
import { asUpstreamError, isConnectionLoss, isRefusedStream } from './upstream-error.ts';
import type {
  ConnectionGate,
  Exchange,
  ExchangeHandler,
  OutgoingRequest,
  ResponseControl,
  ResponseHandler,
  TargetConnection,
} from './upstream-messages.ts';

/** Upstream of an {@link UpstreamDispatch}, with its timeouts. */
export interface UpstreamDispatchDeps {
  readonly timeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly queueTimeoutMs: number;
  /** Its address, for logs. */
  readonly target: string;
  now(): number;
  /** Called when the dispatch has ended or no longer needs its connection. */
  release(dispatch: UpstreamDispatch): void;
  /** Evicts the request whose client has stalled for the longest time, at least `minMs`. @returns whether there was one */
  evictSlowest(now: number, minMs: number): boolean;
}

/** States of an {@link UpstreamDispatch}; `received` has the whole response, of which the client has still to take a part. */
export type UpstreamDispatchState = 'queued' | 'sent' | 'body' | 'received' | 'over';

/** Transitions of an {@link UpstreamDispatch}. A request that is sent once more stays `sent`. */
export const UPSTREAM_DISPATCH_LIFECYCLE: Lifecycle<UpstreamDispatchState> = {
  queued: { send: 'sent', abort: 'over' },
  sent: { head: 'body', upgrade: 'over', 'upstream failed': 'over', abort: 'over' },
  body: { end: 'over', 'end while stopped': 'received', 'upstream failed': 'over', abort: 'over' },
  received: { resume: 'over', abort: 'over' },
  over: {},
};

/** Methods whose request may be sent again when it is unknown whether the first one had an effect (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/**
 * One request to the upstream and its response, from the queue to the end.
 *
 * Chunks that the parser reads after the response was stopped are kept here: at most one read of the socket. Nothing more is
 * read until they are taken.
 */
export class UpstreamDispatch implements ResponseControl, Watched, ExchangeHandler {
  readonly request: OutgoingRequest;
  readonly response: ResponseHandler;
  readonly #owner: UpstreamDispatchDeps;
  readonly #upload: Upload | undefined;
  connection: TargetConnection | undefined;
  /** Its place in the queue, or among those that have a connection; only its owner sets it. */
  place: ListEntry<UpstreamDispatch> | undefined;
  deadline: ListEntry<Watched> | undefined;
  /** Number of times that it was sent. */
  attempts = 0;
  #state: UpstreamDispatchState = 'queued';
  #since: number;
  #evicted = false;
  #exchange: Exchange | undefined;
  #gate: ConnectionGate | undefined;
  /** Requests that may be sent again after the connection was lost. */
  #resend: 'any' | 'idempotent' | 'none' = 'none';
  #isRetry = false;
  #flowing = true;
  /** `true` where no response began in time: another server would only take as long again. */
  timedOut = false;
  /** Set where the response is complete with its head. */
  #bodiless = false;
  #headOnly = false;
  #waiting: Uint8Array[] = [];
  #trailers: HeaderList | undefined;

  constructor(owner: UpstreamDispatchDeps, request: OutgoingRequest, response: ResponseHandler) {
    this.#owner = owner;
    this.request = request;
    this.response = response;
    this.#since = owner.now();
    const { body } = request;
    if (body !== null && !(body instanceof Uint8Array))
      this.#upload = new Upload(body, this.#touch, () => this.#gate?.unsentBytes ?? Infinity);
  }

  readonly #touch = (): void => {
    this.#since = this.#owner.now();
  };

  get state(): UpstreamDispatchState {
    return this.#state;
  }

  get target(): string {
    return this.#owner.target;
  }

  /** `true` where the request may be sent to another server after it failed: it had no effect, or may have it twice. */
  get repeatable(): boolean {
    const { method, body } = this.request;
    if (this.attempts === 0) return true;
    const isWhole = body === null || body instanceof Uint8Array || body.replayable === true;
    return isWhole && IDEMPOTENT.has(method) && this.#gate?.heard === false;
  }

  get headOnly(): boolean {
    return this.#headOnly;
  }

  get hasMore(): boolean {
    return this.#waiting.length > 0 || this.#state === 'received';
  }

  /** Frees chunks of HTTP/1.1, which the parser has copied; those of HTTP/2 are views of what the session still reads. */
  get release(): ResponseControl['release'] {
    return this.#gate?.ownsChunks === true ? freeMemory : undefined;
  }

  /** Sends the request on a connection that is its own until `release`. */
  send(connection: TargetConnection): void {
    this.connection = connection;
    this.#state = 'sent';
    this.#exchange = undefined;
    // no byte of the request is written yet
    this.#resend = !this.#isRetry && connection.gate?.socket.destroyed === false ? 'any' : 'none';
    this.#touch();
    this.request.times?.onSent();
    const { request } = this;
    connection.dispatch(this.#upload === undefined ? request : { ...request, body: this.#upload }, this);
  }

  onRequestStart(exchange: Exchange): void {
    this.#exchange = exchange;
    this.attempts += 1;
    this.#gate = this.connection?.gate;
    const isReused = this.#gate !== undefined && this.#gate.requests > 0;
    this.#resend = isReused && !this.#isRetry ? 'idempotent' : 'none';
    if (this.#gate !== undefined) {
      this.#gate.requests += 1;
      this.#gate.heard = false;
    }
    if (this.#state === 'over') exchange.abort(new AgentwireError('ERR_ABORTED', 'the request is over'));
  }

  onResponseStart(exchange: Exchange, status: number): void {
    // informational responses do not extend the timeout
    if (status < 200 || this.#state === 'over') return;
    this.#state = 'body';
    this.#headOnly = exchange.headOnly;
    this.#bodiless = isBodiless(this.request.method, status);
    this.#upload?.forget();
    this.#touch();
    if (!this.response.onHead(status, linesAsText(exchange.rawHeaders), this)) this.#stop();
  }

  onRequestUpgrade(exchange: Exchange, socket: Duplex): void {
    if (this.#state !== 'sent' || this.response.onUpgrade === undefined) {
      socket.on('error', () => undefined).destroy();
      return;
    }
    // the connection is the client's from here on, and the next request dials another one
    this.#gate?.remove();
    this.#leave('over');
    this.response.onUpgrade(linesAsText(exchange.rawHeaders), socket as Socket);
  }

  onResponseData(chunk: Uint8Array): void {
    if (this.#state === 'over') return;
    this.#touch();
    if (!this.#flowing) this.#waiting.push(chunk);
    else if (!this.response.onData(chunk)) this.#stop();
  }

  onResponseEnd(exchange: Exchange): void {
    // the parser takes a body that ends with its connection for whole even after a reset
    const cut = this.#gate?.socket.errored ?? null;
    if (cut !== null) return this.onResponseError(cut);
    const { rawTrailers } = exchange;
    if (rawTrailers.length > 0) this.#trailers = linesAsText(rawTrailers);
    this.#receiveEnd();
  }

  #receiveEnd(): void {
    const live = this.#state !== 'over';
    this.#leave('received');
    if (!live) this.#state = 'over';
    else if (this.#flowing) this.#end();
  }

  onResponseError(error: Error): void {
    if (this.#state === 'sent' && this.#mayRetry(error)) {
      const { connection } = this;
      this.#isRetry = true;
      // undici's own bookkeeping comes first; it dials again then
      if (connection !== undefined) return process.nextTick(() => this.#retry(connection));
    }
    // a 304 may have a content-length, whose bytes the parser then misses
    if (this.#state === 'body' && this.#bodiless) return this.#receiveEnd();
    const stage = this.#exchange === undefined ? 'dial' : this.#state === 'sent' ? 'request' : 'response';
    const live = this.#state !== 'over';
    this.#leave('over');
    if (live) this.response.onError(asUpstreamError(error, stage));
  }

  #mayRetry(error: Error): boolean {
    if (isRefusedStream(error)) return !this.#isRetry && (this.#upload?.replayable ?? true);
    if (this.#resend === 'none' || !isConnectionLoss(error)) return false;
    if (this.#resend === 'any') return true;
    return this.#gate?.heard === false && IDEMPOTENT.has(this.request.method) && (this.#upload?.replayable ?? true);
  }

  #retry(connection: TargetConnection): void {
    if (this.#state === 'over') this.#leave('over');
    else this.send(connection);
  }

  resume(): void {
    if (this.#flowing || this.#state === 'over') return;
    this.#flowing = true;
    this.#touch();
    const waiting = this.#takeWaiting();
    try {
      if (waiting !== undefined && !this.response.onData(waiting)) this.#flowing = false;
      else if (this.#state === 'received') this.#end();
      else this.#gate?.resume();
    } catch (error) {
      this.abort(error as Error);
    }
  }

  /** Returns the chunks that wait as one: many small ones are one event per agent. */
  #takeWaiting(): Uint8Array | undefined {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length <= 1) return waiting[0];
    const joined = Buffer.concat(waiting);
    for (const chunk of waiting) this.release?.(chunk);
    return joined;
  }

  #stop(): void {
    this.#flowing = false;
    this.#gate?.stop();
  }

  #end(): void {
    this.#state = 'over';
    this.response.onEnd(this.#trailers);
  }

  /** Ends the request with an error for `onError`, unless it has ended before. */
  abort(error: Error): void {
    if (this.#state === 'over') return;
    const was = this.#state;
    this.#state = 'over';
    this.#waiting = [];
    if (was === 'queued') this.#owner.release(this);
    else if (was !== 'received') this.#exchange?.abort(error);
    this.response.onError(error);
  }

  #leave(state: 'received' | 'over'): void {
    this.#state = state;
    // the connection must not be stopped for its next request
    this.#gate?.resume();
    this.#owner.release(this);
    this.connection = undefined;
  }

  check(now: number): void {
    const { queueTimeoutMs, timeoutMs, idleTimeoutMs } = this.#owner;
    if (this.#state === 'queued') this.#checkQueued(now - this.#since, now, queueTimeoutMs);
    // time in which client or agent is waited for does not count
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
    // one eviction per queued request
    if (waitedMs < limitMs / 2 || this.#evicted) return;
    this.#evicted = this.#owner.evictSlowest(now, limitMs / 2);
  }

  #timeOut(message: string): void {
    this.timedOut = true;
    this.abort(new AgentwireError('ERR_TIMEOUT', message));
  }
}
