import type { IncomingMessage, ServerResponse } from 'node:http';
import { AgentwireError, type HeaderOp } from '@agentwire/core';
import { BodyFilter } from './body/body-filter.ts';
import { BufferedBody } from './body/buffered-body.ts';
import { bufferedBody, type OutgoingBody, streamedBody } from './body/request-body.ts';
import { RequestReader } from './body/request-reader.ts';
import { Exchange } from './exchange.ts';
import { applyAgentOps } from './header-ops.ts';
import type { RequestSummary } from './options/gateway-options.ts';
import type { ResolvedGatewayOptions } from './options/resolve-options.ts';
import { Pipeline } from './pipeline.ts';
import { clientHeaders, withFraming } from './request/client-headers.ts';
import { announcedLength, clientShare, headEvent } from './request/request-head.ts';
import { loggedPath, targetOf } from './request/target.ts';
import { answer } from './response/answer.ts';
import { ownResponse } from './response/own-response.ts';
import { Refusal } from './response/refusal.ts';
import type { StallWatch } from './response/stall-watch.ts';
import type { Upstream } from './upstream/upstream.ts';

const NO_BODY: OutgoingBody = { data: null, length: undefined };

type Outcome = Pick<RequestSummary, 'outcome' | 'agent' | 'decision'>;

const REFUSED = { block: 'blocked', redirect: 'redirected', challenge: 'challenged', allow: 'allowed' } as const;

/** What a {@link ProxiedRequest} is about. */
export interface ProxiedRequestInput {
  readonly id: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Whether the client waits for "100 Continue" before it sends the body. */
  readonly expectsContinue: boolean;
}

/** What a {@link ProxiedRequest} works with. */
export interface ProxiedRequestDeps {
  readonly options: ResolvedGatewayOptions;
  readonly upstream: Upstream;
  readonly stalls: StallWatch;
}

/** One HTTP request on its way: agents, upstream, agents again, client. */
export class ProxiedRequest {
  readonly #options: ResolvedGatewayOptions;
  readonly #input: ProxiedRequestInput;
  readonly #left = new AbortController();
  readonly #pipeline: Pipeline;
  readonly #reader: RequestReader;
  readonly #exchange: Exchange;
  readonly #startedAt: number;
  #continueDue: boolean;
  #filter: BodyFilter | undefined;
  #ownBytes = 0;
  #headGone = false;
  /** Changes of the head that agents ask for with their decisions on the body. */
  readonly #lateOps: HeaderOp[] = [];

  constructor({ options, upstream, stalls }: ProxiedRequestDeps, input: ProxiedRequestInput) {
    const { id, request, response, expectsContinue } = input;
    this.#options = options;
    this.#input = input;
    this.#startedAt = options.clock.now();
    this.#continueDue = expectsContinue;
    this.#pipeline = new Pipeline(options, this.#left.signal);
    this.#reader = new RequestReader(request, {
      maxBytes: options.maxRequestBodyBytes,
      minBytesPerSecond: options.minUploadBytesPerSecond,
      sweep: upstream.sweep,
      onStart: () => this.#sendContinue(),
    });
    this.#exchange = new Exchange(
      { options, upstream, stalls, pipeline: this.#pipeline, reader: this.#reader, request, response, id },
      this.#left.signal,
    );
    const onClose = (): void => {
      if (!response.writableFinished) this.#left.abort(new AgentwireError('ERR_ABORTED', 'the client went away'));
    };
    response.once('close', onClose);
    if (response.socket !== null) return;
    // a response that waits behind an earlier one of its connection does not hear that this has ended
    const { socket } = request;
    socket.setMaxListeners(0).once('close', onClose);
    response.once('close', () => socket.off('close', onClose));
  }

  /** Runs it to its end. Never rejects. */
  async run(): Promise<void> {
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
    const { id, request, response } = this.#input;
    const { clock, maxRequestBodyBytes, upstream } = this.#options;
    const target = targetOf(request, this.#options);
    if ((announcedLength(request) ?? 0) > maxRequestBodyBytes)
      throw new AgentwireError('ERR_BODY_TOO_LARGE', `the request body is longer than ${maxRequestBodyBytes} bytes`);
    const lines = clientHeaders(target.headers, target.host, request, this.#options);
    const head = headEvent(request, target, lines, upstream.host, id, clock);
    const judged = await this.#pipeline.onRequest(head);
    const { wantBody } = judged;
    if (target.path === '*') {
      // about this server, not about anything behind it
      response.writeHead(204).end();
      return;
    }
    // no `using`: Node 22 cannot read it in source that was not compiled
    const held = wantBody.length > 0 && this.#options.requestBody === 'buffer' ? this.#hold() : undefined;
    try {
      const { data, length } = head.hasBody === true ? await this.#body(wantBody, held) : NO_BODY;
      const headers = withFraming(applyAgentOps(judged.headers, this.#lateOps), length);
      const { method = 'GET' } = request;
      this.#headGone = true;
      const client = clientShare(request, this.#options.trustForwarded);
      await this.#exchange.run({ method, path: target.path, headers, body: data, client });
    } finally {
      held?.[Symbol.dispose]();
    }
  }

  #hold(): BufferedBody {
    return new BufferedBody(this.#options.maxBufferedBodyBytes, this.#reader);
  }

  /** The body for the upstream: as it comes where no agent reads it, else what the agents let through. */
  #body(agents: readonly string[], held: BufferedBody | undefined): Promise<OutgoingBody> {
    const { id, request } = this.#input;
    const filter = new BodyFilter({
      agents,
      mutation: 'requestBodyMutation',
      maxChunkBytes: this.#options.maxChunkBytes,
      ask: (agent, chunk) => this.#pipeline.ask(agent, { type: 'requestBodyChunk', id, ...chunk }),
      onAllow: ({ requestHeaders = [], responseHeaders = [] }, agent) => {
        if (requestHeaders.length > 0 && this.#headGone)
          return this.#pipeline.tooLate(agent, 'requestBodyChunk', 'request');
        if (responseHeaders.length > 0 && this.#exchange.answered)
          return this.#pipeline.tooLate(agent, 'requestBodyChunk', 'response');
        this.#pipeline.responseOps.push(...responseHeaders);
        this.#lateOps.push(...requestHeaders);
        return undefined;
      },
    });
    this.#filter = filter;
    const announced = announcedLength(request);
    if (held === undefined) return streamedBody(this.#reader, filter, announced, this.#options.clock);
    return bufferedBody(this.#reader, filter, announced, held);
  }

  /** Ends the client's response after a refusal or an error. @returns what became of the request */
  #endWith(error: unknown): Outcome {
    const { id, request, response } = this.#input;
    const { clock, logger } = this.#options;
    if (this.#left.signal.aborted || response.destroyed) return { outcome: 'cancelled' };
    const refusal = error instanceof Refusal ? error : undefined;
    if (refusal === undefined) {
      const code = error instanceof AgentwireError ? error.code : (error as Error | undefined)?.name;
      const { method } = request;
      const path = loggedPath(request.url, this.#options.logQuery);
      const message = (error as Error | undefined)?.message ?? '';
      logger.warn({ id, method, path, code }, `a request could not be proxied: ${message}`);
    }
    if (response.headersSent) {
      // the client has begun to read something that must not go on: only a broken end tells it
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
    if (refusal === undefined) return { outcome: 'failed' };
    const { agent, decision } = refusal;
    return { outcome: REFUSED[decision.verdict.type], agent, decision };
  }

  #report(outcome: Outcome): void {
    const { id, request, response } = this.#input;
    const { clock, onRequestEnd } = this.#options;
    const durationMs = clock.now() - this.#startedAt;
    const status = response.headersSent ? response.statusCode : 0;
    const [requestBytes, responseBytes] = [this.#reader.bytes, this.#exchange.responseBytes + this.#ownBytes];
    if (outcome.outcome === 'cancelled') this.#pipeline.cancel(id);
    else {
      const sizes = { requestBodySize: requestBytes, responseBodySize: responseBytes };
      const error = outcome.outcome === 'failed' ? 'failed' : undefined;
      const upstreamAttempts = Math.max(1, this.#exchange.attempts);
      this.#pipeline.complete(id, { status, durationMs: Math.round(durationMs), ...sizes, upstreamAttempts }, error);
    }
    const { method = 'GET', url: uri = '/' } = request;
    const agentsMs = this.#pipeline.waitedMs;
    onRequestEnd?.({ id, method, uri, status, ...outcome, durationMs, agentsMs, requestBytes, responseBytes });
  }
}
