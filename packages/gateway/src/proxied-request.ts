import { AgentwireError, type HeaderList } from '@agentwire/core';
import { type BodyFilter, type BodyProgress, Pipeline } from '@agentwire/pipeline';
import {
  applyAgentOps,
  BufferedBody,
  bufferedBody,
  ShadowedBody,
  type OutgoingBody,
  streamedBody,
  TrailerFilter,
  withFraming,
} from '@agentwire/pipeline/internal';
import type { ClientRequest, ClientResponse } from './client-messages.ts';
import { logEnding } from './observe/log-ending.ts';
import { reportEnd } from './observe/request-end.ts';
import { RequestTrace } from './observe/request-trace.ts';
import { RequestReader } from './body/request-reader.ts';
import { UpstreamRequest } from './upstream-request.ts';
import type { ResolvedGatewayOptions } from './options/resolve-options.ts';
import { takesTrailers } from './options/trailer-mode.ts';
import { announcedLength, hasBody, headEvent, type RequestHead } from './request/request-head.ts';
import { answer } from './response/answer.ts';
import { ownResponse } from './response/own-response.ts';
import { cut } from './response/response-head.ts';
import { type Outcome, outcomeOf } from './response/refusal.ts';
import type { RoutedHead } from './plan.ts';
import type { Route } from './routes/route.ts';
import type { OutgoingRequest } from './upstream/upstream-messages.ts';
import { UpgradeRequest } from './websocket/upgrade-request.ts';
import { UpgradeResponse } from './websocket/upgrade-response.ts';
import { WebSocketUpgrade } from './websocket/web-socket-upgrade.ts';

const NONE: readonly string[] = [];
const NO_BODY: OutgoingBody = { data: null, length: undefined };
const ALLOWED: Outcome = { outcome: 'allowed' };

/** Request and response of a {@link ProxiedRequest}. */
export interface ProxiedRequestInput {
  readonly id: string;
  readonly request: ClientRequest;
  readonly response: ClientResponse;
  /** Set where the client waits for "100 Continue" before it sends the body. */
  readonly expectsContinue: boolean;
  readonly head: RoutedHead['head'];
  /** Called once, at its end. @param error `undefined` unless it failed within the gateway, so that nothing was answered */
  readonly onOver: (error: unknown) => void;
}

/** One HTTP request: asks the agents, sends it to the upstream, asks the agents about the response, answers the client. */
export class ProxiedRequest implements BodyProgress {
  readonly #route: Route;
  readonly #options: ResolvedGatewayOptions;
  readonly #input: ProxiedRequestInput;
  /** Error of a client that left. */
  #left: AgentwireError | undefined;
  readonly #pipeline: Pipeline;
  /** Set where a body follows the head. */
  readonly #reader: RequestReader | undefined;
  /** Set where the client asks for a WebSocket. */
  readonly #webSocket: WebSocketUpgrade | undefined;
  readonly #upstream: UpstreamRequest;
  readonly #startedAt: number;
  readonly #trace: RequestTrace | undefined;
  /** Set for a WebSocket: aborts when the client leaves. */
  readonly #leaving: AbortController | undefined;
  #continueDue: boolean;
  #filter: BodyFilter | undefined;
  #ownBytes = 0;
  /** `true` once the head was sent to the upstream. */
  requestSent = false;

  constructor(route: Route, input: ProxiedRequestInput) {
    const { options, upstream, stalls, deadlines } = route;
    const { id, request, response, expectsContinue } = input;
    this.#route = route;
    this.#options = options;
    this.#input = input;
    this.#startedAt = options.clock.now();
    this.#continueDue = expectsContinue;
    this.#trace = options.tracer && RequestTrace.begin(options.tracer, request);
    // a signal costs more than all else here: made only for WebSockets
    const leaving = response instanceof UpgradeResponse ? new AbortController() : undefined;
    this.#leaving = leaving;
    const passesTrailers = takesTrailers(request, options.trailers) || options.trailers === 'both';
    const pipeline = passesTrailers ? undefined : route.unasked;
    this.#pipeline = pipeline ?? new Pipeline(options, this.#trace?.traceparent);
    if (passesTrailers) this.#pipeline.trailers = new TrailerFilter();
    if (hasBody(request))
      this.#reader = new RequestReader(request, {
        maxBytes: options.maxRequestBodyBytes,
        minBytesPerSecond: options.minUploadBytesPerSecond,
        deadlines,
        onStart: () => this.#sendContinue(),
        ownsChunks: request instanceof UpgradeRequest,
      });
    if (response instanceof UpgradeResponse && leaving !== undefined) {
      const { signal } = leaving;
      this.#webSocket = new WebSocketUpgrade({
        id,
        options,
        pipeline: this.#pipeline,
        deadlines,
        response,
        signal,
        routeId: route.name,
      });
    }
    this.#upstream = new UpstreamRequest({
      options,
      upstream,
      stalls,
      pipeline: this.#pipeline,
      reader: this.#reader,
      request,
      response,
      id,
      webSocket: this.#webSocket,
    });
    response.on('close', this.#onClose);
    if (response.socket !== null) return;
    // a response that waits behind an earlier one gets no event of the connection's end
    const { socket } = request;
    socket.setMaxListeners(0).once('close', this.#onClose);
    response.once('close', () => socket.off('close', this.#onClose));
  }

  readonly #onClose = (): void => {
    const { id, response } = this.#input;
    if (response.writableFinished || this.#left !== undefined) return;
    this.#left = new AgentwireError('ERR_ABORTED', 'the client went away');
    this.#leaving?.abort(this.#left);
    if (this.#pipeline.asks) this.#pipeline.cancel(id);
    this.#upstream.leave(this.#left);
  };

  /** Runs the request to its end. */
  run(): void {
    if (this.#trace === undefined) void this.#run();
    else this.#trace.run(() => void this.#run());
  }

  async #run(): Promise<void> {
    let failure: unknown;
    try {
      let outcome = ALLOWED;
      try {
        await this.#proxy();
      } catch (error) {
        // the upstream's client reports what ended the body as an error of its own
        outcome = this.#endWith(this.#filter?.error ?? this.#reader?.error ?? error);
      } finally {
        void this.#reader?.return();
      }
      this.#report(outcome);
    } catch (error) {
      failure = error ?? new TypeError('a request failed without an error');
      const { response } = this.#input;
      this.#trace?.end(response.headersSent ? response.statusCode : 500, 'failed');
    }
    this.#input.onOver(failure);
  }

  #sendContinue(): void {
    if (this.#continueDue && !this.#input.response.headersSent) this.#input.response.writeContinue();
    this.#continueDue = false;
  }

  /** Sends the request to the upstream; at once where there is nothing to wait for before. Rejects with BadRequest, NoRoute or AgentwireError. */
  #proxy(): Promise<void> {
    const { request, response, head: target } = this.#input;
    const { maxRequestBodyBytes } = this.#options;
    // refused only after the parser has read what came with the head: it may be what the refusal is about
    if (target instanceof Error) return Promise.reject(target);
    if (this.#reader !== undefined && (announcedLength(request) ?? 0) > maxRequestBodyBytes) {
      const message = `the request body is longer than ${maxRequestBodyBytes} bytes`;
      return Promise.reject(new AgentwireError('ERR_BODY_TOO_LARGE', message));
    }
    const webSocket = this.#webSocket;
    const seen = webSocket === undefined ? target : { ...target, lines: webSocket.forAgents(target.lines) };
    if (this.#pipeline.asks) return this.#ask(seen);
    if (target.path === '*') return this.#answerForServer(response);
    return this.#reader === undefined ? this.#send(seen, seen.lines, NO_BODY) : this.#sendBody(seen, seen.lines, NONE);
  }

  async #ask(target: RequestHead): Promise<void> {
    const { id, request, response } = this.#input;
    const { clock } = this.#options;
    const event = headEvent(request, target, this.#route.upstream.host, id, clock, this.#trace?.traceparent);
    const { headers, wantBody } = await this.#pipeline.onRequest(event);
    if (target.path === '*') return this.#answerForServer(response);
    return this.#reader === undefined
      ? this.#send(target, headers, NO_BODY)
      : this.#sendBody(target, headers, wantBody);
  }

  /** Answers a request about this server, not the upstream. */
  #answerForServer(response: ClientResponse): Promise<void> {
    response.writeHead(204, []).end();
    return Promise.resolve();
  }

  async #sendBody(target: RequestHead, lines: HeaderList, wantBody: readonly string[]): Promise<void> {
    // no `using`: Node 22 cannot parse it in source that was not compiled
    const buffer = wantBody.length > 0 && this.#options.requestBody === 'buffer' ? this.#createBuffer() : undefined;
    try {
      await this.#send(target, lines, await this.#body(wantBody, buffer));
    } finally {
      buffer?.[Symbol.dispose]();
    }
  }

  #send(target: RequestHead, lines: HeaderList, { data: body, length }: OutgoingBody): Promise<void> {
    const { upstream, retries } = this.#route;
    const { method = 'GET' } = this.#input.request;
    const pipeline = this.#pipeline;
    const webSocket = this.#webSocket;
    const framed = withFraming(applyAgentOps(lines, pipeline.requestOps), length);
    const headers = webSocket === undefined ? framed : webSocket.forUpstream(framed);
    const upgrade = webSocket === undefined ? undefined : 'websocket';
    const client = target.client.address;
    const acceptsTrailers = pipeline.trailers !== undefined;
    const trailers = acceptsTrailers ? this.#trailersBeside(headers) : undefined;
    this.requestSent = true;
    const { times } = this.#upstream;
    const { path } = target;
    const outgoing = { method, path, headers, body, client, times, retries, upgrade, acceptsTrailers, trailers };
    return this.#trace?.send(upstream.host, outgoing, this.#upstream) ?? this.#upstream.run(outgoing);
  }

  /** Returns a function for the trailers that may pass beside a head, where those of requests pass. */
  #trailersBeside(head: HeaderList): OutgoingRequest['trailers'] {
    const { trailers, headersWithUnderscores } = this.#options;
    const { request } = this.#input;
    if (trailers !== 'both') return undefined;
    return () => this.#pipeline.trailers?.pass(request.rawTrailers, head, headersWithUnderscores === 'drop') ?? [];
  }

  /** `true` once the response has begun. */
  get responseSent(): boolean {
    return this.#upstream.answered;
  }

  #createBuffer(): BufferedBody {
    return new BufferedBody(this.#options.maxBufferedBodyBytes, this.#reader);
  }

  /** Returns the body for the upstream: unchanged where no agent reads it, else what the agents pass. */
  #body(agents: readonly string[], buffer: BufferedBody | undefined): Promise<OutgoingBody> {
    const { id, request } = this.#input;
    const reader = this.#reader as RequestReader;
    const filter = this.#pipeline.requestBody(id, agents, this);
    this.#filter = filter;
    const announced = announcedLength(request);
    const { shadows } = this.#pipeline;
    const source = shadows === undefined ? reader : new ShadowedBody(reader, shadows, announced);
    if (buffer === undefined) return streamedBody(source, filter, announced, this.#options.clock);
    return bufferedBody(source, filter, announced, buffer);
  }

  /** Ends the client's response after a refusal or an error. @returns the outcome */
  #endWith(error: unknown): Outcome {
    const { id, request, response } = this.#input;
    if (this.#left !== undefined || response.destroyed) return { outcome: 'cancelled' };
    const outcome = outcomeOf(error);
    logEnding(error, outcome, { id, request, route: this.#route.name, upstream: this.#upstream.target }, this.#options);
    if (response.headersSent) {
      // the client has a part of a response that must not continue: only a cut connection tells it
      cut(response);
    } else {
      void this.#reader?.return();
      const context = {
        request,
        response,
        readBytes: this.#reader?.bytes ?? 0,
        continueDue: this.#continueDue,
        clock: this.#options.clock,
        logger: this.#options.logger,
      };
      const { bytes, grpcStatus } = answer(ownResponse(error, this.#pipeline.responseOps), context);
      this.#ownBytes = bytes;
      if (grpcStatus !== undefined) return { ...outcome, grpcStatus };
    }
    return outcome;
  }

  #report(outcome: Outcome): void {
    const { id, request, response, head } = this.#input;
    const options = this.#options;
    const [pipeline, trace, upstream] = [this.#pipeline, this.#trace, this.#upstream];
    const isObserved = options.metrics !== undefined || options.onRequestEnd !== undefined || trace !== undefined;
    if (!isObserved && !pipeline.asks) return;
    const { requestBytes: received = 0, responseBytes: sent = 0 } = this.#webSocket ?? {};
    reportEnd({
      id,
      request,
      route: head instanceof Error ? '' : this.#route.name,
      options,
      pipeline,
      trace,
      outcome,
      status: response.headersSent ? response.statusCode : 0,
      durationMs: options.clock.now() - this.#startedAt,
      requestBytes: (this.#reader?.bytes ?? 0) + received,
      responseBytes: upstream.responseBytes + this.#ownBytes + sent,
      upstream,
    });
  }
}
