import { AgentwireError, type HeaderList } from '@agentwire/core';
import { type BodyFilter, type BodyProgress, Pipeline } from '@agentwire/pipeline';
import { applyAgentOps, type OutgoingBody, TrailerFilter, withFraming } from '@agentwire/pipeline/internal';
import type { ClientResponse } from './client-messages.ts';
import { bodyBuffer, NO_BODY, outgoingBody, trailersBeside } from './body/outgoing-body.ts';
import { RequestReader } from './body/request-reader.ts';
import { RequestTrace } from './observe/request-trace.ts';
import { answerFailure, type EndingRequest, type ProxiedRequestInput, reportRequest } from './request-ending.ts';
import { UpstreamRequest } from './upstream-request.ts';
import type { ResolvedGatewayOptions } from './options/resolve-options.ts';
import { takesTrailers } from './options/trailer-mode.ts';
import { announcedLength, hasBody, headEvent, type RequestHead } from './request/request-head.ts';
import type { Outcome } from './response/refusal.ts';
import type { Route } from './routes/route.ts';
import { UpgradeRequest } from './websocket/upgrade-request.ts';
import { UpgradeResponse } from './websocket/upgrade-response.ts';
import { WebSocketUpgrade } from './websocket/web-socket-upgrade.ts';

const NONE: readonly string[] = [];
const ALLOWED: Outcome = { outcome: 'allowed' };

/** One HTTP request: asks the agents, sends it to the upstream, asks the agents about the response, answers the client. */
export class ProxiedRequest implements BodyProgress, EndingRequest {
  readonly route: Route;
  readonly options: ResolvedGatewayOptions;
  readonly input: ProxiedRequestInput;
  /** Error of a client that left. */
  left: AgentwireError | undefined;
  readonly pipeline: Pipeline;
  /** Set where a body follows the head. */
  readonly reader: RequestReader | undefined;
  /** Set where the client asks for a WebSocket. */
  readonly webSocket: WebSocketUpgrade | undefined;
  readonly upstream: UpstreamRequest;
  readonly startedAt: number;
  readonly trace: RequestTrace | undefined;
  /** Set for a WebSocket: aborts when the client leaves. */
  readonly #leaving: AbortController | undefined;
  continueDue: boolean;
  #filter: BodyFilter | undefined;
  ownBytes = 0;
  /** `true` once the head was sent to the upstream. */
  requestSent = false;

  constructor(route: Route, input: ProxiedRequestInput) {
    const { options, upstream, stalls, deadlines } = route;
    const { id, request, response, expectsContinue } = input;
    this.route = route;
    this.options = options;
    this.input = input;
    this.startedAt = options.clock.now();
    this.continueDue = expectsContinue;
    this.trace = options.tracer && RequestTrace.begin(options.tracer, request);
    // a signal costs more than all else here: made only for WebSockets
    const leaving = response instanceof UpgradeResponse ? new AbortController() : undefined;
    this.#leaving = leaving;
    const passesTrailers = takesTrailers(request, options.trailers) || options.trailers === 'both';
    const unasked = passesTrailers ? undefined : route.unasked;
    const pipeline = unasked ?? new Pipeline(options, this.trace?.traceparent);
    this.pipeline = pipeline;
    if (passesTrailers) pipeline.trailers = new TrailerFilter();
    if (hasBody(request))
      this.reader = new RequestReader(request, {
        maxBytes: options.maxRequestBodyBytes,
        minBytesPerSecond: options.minUploadBytesPerSecond,
        deadlines,
        onStart: () => this.#sendContinue(),
        ownsChunks: request instanceof UpgradeRequest,
      });
    if (response instanceof UpgradeResponse && leaving !== undefined) {
      const { signal } = leaving;
      const routeId = route.name;
      this.webSocket = new WebSocketUpgrade({ id, options, pipeline, deadlines, response, signal, routeId });
    }
    const { reader, webSocket } = this;
    const from = { options, upstream, stalls, pipeline, reader, request, response, id, webSocket };
    this.upstream = new UpstreamRequest(from);
    response.on('close', this.#onClose);
    if (response.socket !== null) return;
    // a response that waits behind an earlier one gets no event of the connection's end
    const { socket } = request;
    socket.setMaxListeners(0).once('close', this.#onClose);
    response.once('close', () => socket.off('close', this.#onClose));
  }

  readonly #onClose = (): void => {
    const { id, response } = this.input;
    if (response.writableFinished || this.left !== undefined) return;
    this.left = new AgentwireError('ERR_ABORTED', 'the client went away');
    this.#leaving?.abort(this.left);
    if (this.pipeline.asks) this.pipeline.cancel(id);
    this.upstream.leave(this.left);
  };

  /** Runs the request to its end. */
  run(): void {
    if (this.trace === undefined) void this.#run();
    else this.trace.run(() => void this.#run());
  }

  async #run(): Promise<void> {
    let failure: unknown;
    try {
      let outcome = ALLOWED;
      try {
        await this.#proxy();
      } catch (error) {
        // the upstream's client reports what ended the body as an error of its own
        outcome = answerFailure(this, this.#filter?.error ?? this.reader?.error ?? error);
      } finally {
        void this.reader?.return();
      }
      reportRequest(this, outcome);
    } catch (error) {
      failure = error ?? new TypeError('a request failed without an error');
      const { response } = this.input;
      this.trace?.end(response.headersSent ? response.statusCode : 500, 'failed');
    }
    this.input.onOver(failure);
  }

  #sendContinue(): void {
    if (this.continueDue && !this.input.response.headersSent) this.input.response.writeContinue();
    this.continueDue = false;
  }

  /** Sends the request to the upstream; at once where there is nothing to wait for before. Rejects with BadRequest, NoRoute or AgentwireError. */
  #proxy(): Promise<void> {
    const { request, response, head: target } = this.input;
    const { maxRequestBodyBytes } = this.options;
    // refused only after the parser has read what came with the head: it may be what the refusal is about
    if (target instanceof Error) return Promise.reject(target);
    if (this.reader !== undefined && (announcedLength(request) ?? 0) > maxRequestBodyBytes) {
      const message = `the request body is longer than ${maxRequestBodyBytes} bytes`;
      return Promise.reject(new AgentwireError('ERR_BODY_TOO_LARGE', message));
    }
    const { webSocket } = this;
    const seen = webSocket === undefined ? target : { ...target, lines: webSocket.forAgents(target.lines) };
    if (this.pipeline.asks) return this.#ask(seen);
    if (target.path === '*') return this.#answerForServer(response);
    return this.reader === undefined ? this.#send(seen, seen.lines, NO_BODY) : this.#sendBody(seen, seen.lines, NONE);
  }

  async #ask(target: RequestHead): Promise<void> {
    const { id, request, response } = this.input;
    const { clock } = this.options;
    const event = headEvent(request, target, this.route.upstream.host, id, clock, this.trace?.traceparent);
    const { headers, wantBody } = await this.pipeline.onRequest(event);
    if (target.path === '*') return this.#answerForServer(response);
    return this.reader === undefined ? this.#send(target, headers, NO_BODY) : this.#sendBody(target, headers, wantBody);
  }

  /** Answers a request about this server, not the upstream. */
  #answerForServer(response: ClientResponse): Promise<void> {
    response.writeHead(204, []).end();
    return Promise.resolve();
  }

  async #sendBody(target: RequestHead, lines: HeaderList, wantBody: readonly string[]): Promise<void> {
    const { pipeline } = this;
    const { id, request } = this.input;
    const reader = this.reader as RequestReader;
    // no `using`: Node 22 cannot parse it in source that was not compiled
    const buffer = bodyBuffer(wantBody, reader, this.options);
    try {
      this.#filter = pipeline.requestBody(id, wantBody, this);
      const body = await outgoingBody(request, reader, pipeline, this.#filter, buffer, this.options.clock);
      await this.#send(target, lines, body);
    } finally {
      buffer?.[Symbol.dispose]();
    }
  }

  #send(target: RequestHead, lines: HeaderList, { data: body, length }: OutgoingBody): Promise<void> {
    const { upstream, retries } = this.route;
    const { request } = this.input;
    const { method = 'GET' } = request;
    const { pipeline, webSocket } = this;
    const framed = withFraming(applyAgentOps(lines, pipeline.requestOps), length);
    const headers = webSocket === undefined ? framed : webSocket.forUpstream(framed);
    const upgrade = webSocket === undefined ? undefined : 'websocket';
    const { path } = target;
    const acceptsTrailers = pipeline.trailers !== undefined;
    const trailers = trailersBeside(headers, request, pipeline, this.options);
    this.requestSent = true;
    const { times } = this.upstream;
    const client = target.client.address;
    const outgoing = { method, path, headers, body, client, times, retries, upgrade, acceptsTrailers, trailers };
    return this.trace?.send(upstream.host, outgoing, this.upstream) ?? this.upstream.run(outgoing);
  }

  /** `true` once the response has begun. */
  get responseSent(): boolean {
    return this.upstream.answered;
  }
}
