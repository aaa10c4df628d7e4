import { AgentwireError, type HeaderList, type RequestMetadata } from '@agentwire/core';
import { Pipeline, Refusal } from '@agentwire/pipeline';
import { type VerdictResponse, verdictResponse } from '@agentwire/pipeline/internal';
import { failureKindOf } from '@agentwire/pool/internal';
import { AmbiguousRequest } from './ambiguous-request.ts';
import type { ResolvedMiddlewareOptions } from './middleware-options.ts';

/** Head of a request as a framework has it. */
export interface ExchangeHead {
  readonly method: string;
  /** Path and query as the client asked for them, not as a router rewrote them. */
  readonly uri: string;
  readonly headers: HeaderList;
  readonly hasBody: boolean;
  readonly metadata: Pick<RequestMetadata, 'clientIp' | 'clientPort' | 'protocol' | 'serverName'>;
}

/** Returns the value of a header; the first one where there are several. */
export function headerOf(headers: HeaderList, name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) if (headers[at]?.toLowerCase() === name) return headers[at + 1];
  return undefined;
}

/** One request and its response on their way through the agents. */
export class Exchange {
  readonly id: string;
  readonly pipeline: Pipeline;
  readonly #options: ResolvedMiddlewareOptions;
  readonly #startedAt: number;
  #over = false;
  #method = '';
  #path = '';
  /** `true` once the response's head was given to the framework's server. */
  responseSent = false;
  requestBytes = 0;
  responseBytes = 0;

  constructor(options: ResolvedMiddlewareOptions) {
    this.#options = options;
    this.id = options.nextId();
    this.pipeline = new Pipeline(options.pipeline);
    this.#startedAt = options.pipeline.clock.now();
  }

  /** Asks the agents about the head. @throws Refusal, AgentwireError */
  onRequest(head: ExchangeHead): ReturnType<Pipeline['onRequest']> {
    this.#method = head.method;
    // queries contain tokens
    this.#path = head.uri.split('?', 1)[0] ?? '';
    const traceparent = headerOf(head.headers, 'traceparent');
    const metadata: RequestMetadata = {
      ...head.metadata,
      correlationId: this.id,
      requestId: this.id,
      timestamp: new Date(this.#options.pipeline.clock.wallNow()).toISOString(),
      ...(traceparent !== undefined && { traceparent }),
    };
    const { method, uri, headers, hasBody } = head;
    return this.pipeline.onRequest({ type: 'requestHeaders', id: this.id, metadata, method, uri, headers, hasBody });
  }

  /** Returns the error for a body that is longer than the limit. */
  tooLarge(): AgentwireError {
    const { maxBufferedBodyBytes } = this.#options;
    const message = `a body that agents read is longer than ${maxBufferedBodyBytes} bytes; see maxBufferedBodyBytes`;
    return new AgentwireError('ERR_BODY_TOO_LARGE', message);
  }

  get maxBufferedBodyBytes(): number {
    return this.#options.maxBufferedBodyBytes;
  }

  /** Asks the agents about a body that was read whole. @returns what they pass */
  async wholeBody(kind: 'request' | 'response', agents: readonly string[], body: Uint8Array): Promise<Uint8Array> {
    const { id, pipeline } = this;
    const filter =
      kind === 'request'
        ? pipeline.requestBody(id, agents, { responseSent: false })
        : pipeline.responseBody(id, agents, pipeline.responseOps, { responseSent: false });
    return filter.filter(body, true);
  }

  /** Logs, where the pool logs, why it was answered in place of the application; the pool has logged decisions of failure policies. */
  logEnding(error: unknown): void {
    const { logger } = this.#options.pipeline.pool;
    if (logger === undefined || error instanceof AmbiguousRequest) return;
    const facts = { id: this.id, method: this.#method, path: this.#path };
    if (error instanceof Refusal) {
      const { verdict, audit } = error.decision;
      if (verdict.type !== 'block' || failureKindOf(error.decision) !== undefined) return;
      const { status } = verdict;
      const { ruleIds, tags, reasonCodes } = audit ?? {};
      logger.warn({ ...facts, agent: error.agent, status, ruleIds, tags, reasonCodes }, 'an agent blocked a request');
    } else if (!(error instanceof AgentwireError))
      logger.error({ ...facts, err: error }, 'a request failed within the middleware');
    else if (error.code !== 'ERR_ABORTED')
      logger.warn({ ...facts, code: error.code }, `a request could not be judged: ${error.message}`);
  }

  /** Tells the agents that the request is over; once. */
  end(status: number): void {
    if (this.#over) return;
    this.#over = true;
    const durationMs = Math.round(this.#options.pipeline.clock.now() - this.#startedAt);
    const sizes = { requestBodySize: this.requestBytes, responseBodySize: this.responseBytes };
    this.pipeline.complete(this.id, { status, durationMs, ...sizes, upstreamAttempts: 1 });
  }

  /** Cancels what the agents still do, because the client has left; once. */
  cancel(): void {
    if (this.#over) return;
    this.#over = true;
    this.pipeline.cancel(this.id);
  }
}

const TEXT = ['content-type', 'text/plain; charset=utf-8'];

/** Returns the response for what agents decided; `undefined` for an error that the application handles. */
export function responseFor(error: unknown, exchange: Exchange): VerdictResponse | undefined {
  if (error instanceof AmbiguousRequest) return { status: 400, headers: TEXT, body: `${error.message}\n` };
  if (error instanceof Refusal) return verdictResponse(error, exchange.pipeline.responseOps);
  if (error instanceof AgentwireError && error.code === 'ERR_BODY_TOO_LARGE')
    return { status: 413, headers: TEXT, body: '' };
  return undefined;
}
