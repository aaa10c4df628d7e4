import type { HeaderList } from '@agentwire/core';
import { readTraceparent, type SafeSpan, type SafeTracer, type SpanAttributes } from '@agentwire/core/internal';
import type { OutgoingRequest } from '../upstream/upstream-messages.ts';
import type { RequestSummary } from '../options/gateway-options.ts';

/** Request as a trace describes it; none of its content but the path without the query. */
export interface TracedRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly httpVersion: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Way of a request to the upstream, as a trace sees it. */
export interface TracedUpstream {
  /** Status of the response, once its head has come. */
  readonly status: number | undefined;
  readonly attempts: number;
  run(request: OutgoingRequest): Promise<void>;
}

/** Methods that name a span; others are `HTTP`, because a client may write anything. */
const METHODS = new Set('GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH'.split(' '));

/** Returns whether a header line has this name, which is written in lower case. */
function isNamed(name: string, expected: string): boolean {
  return name.length === expected.length && name.toLowerCase() === expected;
}

let lastAddress: string | undefined;
let lastServer: SpanAttributes = {};

/** Returns the attributes of an address; requests to the upstream that was asked last share them. */
function serverOf(address: string): SpanAttributes {
  if (address === lastAddress) return lastServer;
  const port = Number(/:(\d+)$/.exec(address)?.[1]);
  const server = { 'server.address': address.replace(/:\d+$/, '') };
  lastAddress = address;
  return (lastServer = port > 0 ? { ...server, 'server.port': port } : server);
}

/** Span of one request, and of its way to the upstream. */
export class RequestTrace {
  readonly #tracer: SafeTracer;
  readonly #span: SafeSpan;
  readonly #method: string;
  /** `true` where the client's `traceparent` is the parent, so that its `tracestate` belongs to the trace. */
  readonly #continues: boolean;
  #ended = false;

  private constructor(tracer: SafeTracer, span: SafeSpan, method: string, continues: boolean) {
    this.#tracer = tracer;
    this.#span = span;
    this.#method = method;
    this.#continues = continues;
  }

  /** Begins the server span of a request; `undefined` where the tracer fails. */
  static begin(tracer: SafeTracer, request: TracedRequest): RequestTrace | undefined {
    if (tracer.isIdle) return undefined;
    const method = METHODS.has(request.method ?? '') ? (request.method ?? '') : 'HTTP';
    const parent = readTraceparent(request.headers['traceparent']);
    const path = request.url?.split('?', 1)[0] ?? '/';
    const span = tracer.start(method, {
      kind: 'server',
      parent,
      attributes: {
        'http.request.method': method === 'HTTP' ? '_OTHER' : method,
        'url.path': path.slice(0, 1_024),
        // the conventions write no minor version that is 0, but for HTTP/1.0
        'network.protocol.version': request.httpVersion === '2.0' ? '2' : request.httpVersion,
      },
    });
    return span && new RequestTrace(tracer, span, method, parent !== undefined);
  }

  get traceparent(): string | undefined {
    return this.#span.traceparent;
  }

  run<T>(action: () => T): T {
    return this.#span.run(action);
  }

  /**
   * Sends a request to the upstream within a client span, which the request names in place of the client's.
   *
   * @param address `HOST:PORT`
   */
  async send(address: string, request: OutgoingRequest, upstream: TracedUpstream): Promise<void> {
    const span = this.#upstream(address);
    let error: unknown;
    try {
      await upstream.run({ ...request, headers: this.#propagate(request.headers, span) });
    } catch (thrown) {
      error = thrown;
      throw thrown;
    } finally {
      if (span !== undefined) endUpstream(span, upstream, error);
    }
  }

  #upstream(address: string): SafeSpan | undefined {
    const method = this.#method === 'HTTP' ? '_OTHER' : this.#method;
    const attributes = { 'http.request.method': method, ...serverOf(address) };
    return this.#tracer.start(this.#method, { kind: 'client', parent: this.traceparent, attributes });
  }

  #propagate(headers: HeaderList, span: SafeSpan | undefined): HeaderList {
    const traceparent = span?.traceparent ?? this.traceparent;
    if (traceparent === undefined) return headers;
    const list: string[] = [];
    for (let at = 0; at < headers.length; at += 2) {
      const name = headers[at] as string;
      if (!isNamed(name, 'traceparent') && (this.#continues || !isNamed(name, 'tracestate')))
        list.push(name, headers[at + 1] as string);
    }
    list.push('traceparent', traceparent);
    return list;
  }

  /** Ends the server span, once; a block is no error of the gateway, a status from 500 on is. */
  end(status: number, outcome: RequestSummary['outcome']): void {
    if (this.#ended) return;
    this.#ended = true;
    const attributes: Record<string, string | number> = { 'agentwire.outcome': outcome };
    if (status > 0) attributes['http.response.status_code'] = status;
    const failed = outcome === 'failed' && status === 0 ? 'failed' : undefined;
    this.#span.end(status >= 500 ? String(status) : failed, attributes);
  }
}

/** Ends a client span; a status from 400 on is an error there. */
function endUpstream(span: SafeSpan, { status, attempts }: TracedUpstream, error: unknown): void {
  const attributes: Record<string, string | number> = {};
  if (status !== undefined) attributes['http.response.status_code'] = status;
  if (attempts > 1) attributes['http.request.resend_count'] = attempts - 1;
  const { code = 'failed' } = (error ?? {}) as { code?: string };
  if (error !== undefined) span.end(code, attributes);
  else span.end(status !== undefined && status >= 400 ? String(status) : undefined, attributes);
}
