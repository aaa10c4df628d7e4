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
import { decisionSources, requestFacts } from './observe/request-facts.ts';
import { RequestTrace } from './observe/request-trace.ts';
import { RequestReader } from './body/request-reader.ts';
import { UpstreamRequest } from './upstream-request.ts';
import type { ResolvedGatewayOptions } from './options/resolve-options.ts';
import { takesTrailers } from './options/trailer-mode.ts';
import { announcedLength, hasBody, headEvent } from './request/request-head.ts';
import { answer } from './response/answer.ts';
import { ownResponse } from './response/own-response.ts';
import { type Outcome, outcomeOf } from './response/refusal.ts';
import type { RoutedHead } from './plan.ts';
import type { Route } from './routes/route.ts';
import type { OutgoingRequest } from './upstream/upstream-messages.ts';
import { UpgradeResponse } from './websocket/upgrade-response.ts';
import { WebSocketUpgrade } from './websocket/web-socket-upgrade.ts';

const NONE: readonly string[] = [];
const NO_BODY: OutgoingBody = { data: null, length: undefined };

/** Request and response of a {@link ProxiedRequest}. */
export interface ProxiedRequestInput {
  readonly id: string;
  readonly request: ClientRequest;
  readonly response: ClientResponse;
  /** Set where the client waits for "100 Continue" before it sends the body. */
  readonly expectsContinue: boolean;
  readonly head: RoutedHead['head'];
}

/** One HTTP request: asks the agents, sends it to the upstream, asks the agents about the response, answers the client. */
export class ProxiedRequest implements BodyProgress {
  readonly #route: Route;
  readonly #options: ResolvedGatewayOptions;
  readonly #input: ProxiedRequestInput;
  /** Error of a client that left. */
  #left: AgentwireError | undefined;
  readonly #pipeline: Pipeline;
  readonly #reader: RequestReader;
  /** Set where the client asks for a WebSocket. */
  readonly #webSocket: WebSocketUpgrade | undefined;
  readonly #upstream: UpstreamRequest;
  readonly #startedAt: number;
  readonly #trace: RequestTrace | undefined;
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
    this.#pipeline = new Pipeline(options, leaving?.signal, this.#trace?.traceparent);
    this.#reader = new RequestReader(request, {
      maxBytes: options.maxRequestBodyBytes,
      minBytesPerSecond: options.minUploadBytesPerSecond,
      deadlines,
      onStart: () => this.#sendContinue(),
    });
    const pipeline = this.#pipeline;
    if (takesTrailers(request, options.trailers) || options.trailers === 'both')
      pipeline.trailers = new TrailerFilter();
    if (response instanceof UpgradeResponse && leaving !== undefined) {
      const { signal } = leaving;
      this.#webSocket = new WebSocketUpgrade({
        id,
        options,
        pipeline,
        deadlines,
        response,
        signal,
        routeId: route.name,
      });
    }
    const webSocket = this.#webSocket;
    const reader = this.#reader;
    this.#upstream = new UpstreamRequest({
      options,
      upstream,
      stalls,
      pipeline,
      reader,
      request,
      response,
      id,
      webSocket,
    });
    const onClose = (): void => {
      if (response.writableFinished || this.#left !== undefined) return;
      this.#left = new AgentwireError('ERR_ABORTED', 'the client went away');
      leaving?.abort(this.#left);
      pipeline.cancel(id);
      this.#upstream.leave(this.#left);
    };
    response.once('close', onClose);
    if (response.socket !== null) return;
    // a response that waits behind an earlier one gets no event of the connection's end
    const { socket } = request;
    socket.setMaxListeners(0).once('close', onClose);
    response.once('close', () => socket.off('close', onClose));
  }

  /** Runs the request to its end. Never rejects. */
  run(): Promise<void> {
    return this.#trace === undefined ? this.#run() : this.#trace.run(() => this.#run());
  }

  async #run(): Promise<void> {
    let outcome: Outcome;
    try {
      await this.#proxy();
      outcome = { outcome: 'allowed' };
    } catch (error) {
      // the upstream's client reports what ended the body as an error of its own
      outcome = this.#endWith(this.#filter?.error ?? this.#reader.error ?? error);
    } finally {
      void this.#reader.return();
    }
    this.#report(outcome);
  }

  #sendContinue(): void {
    if (this.#continueDue && !this.#input.response.headersSent) this.#input.response.writeContinue();
    this.#continueDue = false;
  }

  async #proxy(): Promise<void> {
    const { id, request, response, head: target } = this.#input;
    const { clock, maxRequestBodyBytes } = this.#options;
    const { upstream, retries } = this.#route;
    if (target instanceof Error) throw target;
    if ((announcedLength(request) ?? 0) > maxRequestBodyBytes)
      throw new AgentwireError('ERR_BODY_TOO_LARGE', `the request body is longer than ${maxRequestBodyBytes} bytes`);
    const webSocket = this.#webSocket;
    const seen = webSocket === undefined ? target : { ...target, lines: webSocket.forAgents(target.lines) };
    const judged = this.#pipeline.asks
      ? await this.#pipeline.onRequest(headEvent(request, seen, upstream.host, id, clock))
      : { headers: seen.lines, wantBody: NONE };
    const { wantBody } = judged;
    if (target.path === '*') {
      // about this server, not the upstream
      response.writeHead(204, []).end();
      return;
    }
    // no `using`: Node 22 cannot parse it in source that was not compiled
    const buffer = wantBody.length > 0 && this.#options.requestBody === 'buffer' ? this.#createBuffer() : undefined;
    try {
      const { data, length } = hasBody(request) ? await this.#body(wantBody, buffer) : NO_BODY;
      const headers = withFraming(applyAgentOps(judged.headers, this.#pipeline.requestOps), length);
      const { method = 'GET' } = request;
      this.requestSent = true;
      const client = target.client.address;
      const acceptsTrailers = this.#pipeline.trailers !== undefined;
      const trailers = acceptsTrailers ? this.#trailersBeside(headers) : undefined;
      const plain = { method, path: target.path, headers, body: data, client, retries, acceptsTrailers, trailers };
      const outgoing =
        webSocket === undefined ? plain : { ...plain, headers: webSocket.forUpstream(headers), upgrade: 'websocket' };
      await (this.#trace?.send(upstream.host, outgoing, this.#upstream) ?? this.#upstream.run(outgoing));
    } finally {
      buffer?.[Symbol.dispose]();
    }
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
    const filter = this.#pipeline.requestBody(id, agents, this);
    this.#filter = filter;
    const announced = announcedLength(request);
    const { shadows } = this.#pipeline;
    const source = shadows === undefined ? this.#reader : new ShadowedBody(this.#reader, shadows, announced);
    if (buffer === undefined) return streamedBody(source, filter, announced, this.#options.clock);
    return bufferedBody(source, filter, announced, buffer);
  }

  /** Ends the client's response after a refusal or an error. @returns the outcome */
  #endWith(error: unknown): Outcome {
    const { request, response } = this.#input;
    const { clock, logger } = this.#options;
    if (this.#left !== undefined || response.destroyed) return { outcome: 'cancelled' };
    const outcome = outcomeOf(error);
    logEnding(error, outcome, this.#input, this.#options);
    if (response.headersSent) {
      // the client has a part of a response that must not continue: only a cut connection tells it
      response.destroy();
    } else {
      void this.#reader.return();
      const context = {
        request,
        response,
        readBytes: this.#reader.bytes,
        continueDue: this.#continueDue,
        clock,
        logger,
      };
      this.#ownBytes = answer(ownResponse(error, this.#pipeline.responseOps), context);
    }
    return outcome;
  }

  #report(outcome: Outcome): void {
    const { id, request, response } = this.#input;
    const { clock, onRequestEnd, metrics } = this.#options;
    const durationMs = clock.now() - this.#startedAt;
    const status = response.headersSent ? response.statusCode : 0;
    const { requestBytes: received = 0, responseBytes: sent = 0 } = this.#webSocket ?? {};
    const requestBytes = this.#reader.bytes + received;
    const responseBytes = this.#upstream.responseBytes + this.#ownBytes + sent;
    if (outcome.outcome === 'cancelled') this.#pipeline.cancel(id);
    else {
      const sizes = { requestBodySize: requestBytes, responseBodySize: responseBytes };
      const error = outcome.outcome === 'failed' ? 'failed' : undefined;
      const upstreamAttempts = Math.max(1, this.#upstream.attempts);
      this.#pipeline.complete(id, { status, durationMs: Math.round(durationMs), ...sizes, upstreamAttempts }, error);
    }
    const agentsMs = this.#pipeline.waitedMs;
    const { queuedMs, headMs: upstreamMs } = this.#upstream.times ?? {};
    const measured = { status, durationMs, agentsMs, requestBytes, responseBytes, queuedMs, upstreamMs };
    metrics?.record(measured, outcome.outcome);
    this.#trace?.end(status, outcome.outcome);
    if (onRequestEnd === undefined) return;
    const route = this.#input.head instanceof Error ? '' : this.#route.name;
    const { target: upstream } = this.#upstream;
    onRequestEnd({
      ...requestFacts(request, clock, durationMs, this.#options.proxies),
      id,
      route,
      upstream,
      ...measured,
      ...outcome,
      ...decisionSources(this.#pipeline, outcome),
    });
  }
}
