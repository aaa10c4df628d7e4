import type { IncomingMessage, ServerResponse } from 'node:http';
import { AgentwireError, type HeaderList, type HeaderOp } from '@agentwire/core';
import { applyHeaderOps, HeaderMap, stripHopByHop } from '@agentwire/headers';
import { BodyFilter } from './body/body-filter.ts';
import { HeldBody } from './body/held-body.ts';
import type { ResolvedGatewayOptions } from './options.ts';
import type { Pipeline } from './pipeline.ts';
import { isBodiless } from './response/bodiless.ts';
import { ClientWriter, type ResponseSink } from './response/client-writer.ts';
import { FilteredSink } from './response/filtered-sink.ts';
import type { Upstream, UpstreamControl, UpstreamRequest } from './upstream.ts';

/** What an {@link Exchange} works with. */
export interface ExchangeContext {
  readonly options: ResolvedGatewayOptions;
  readonly upstream: Upstream;
  readonly pipeline: Pipeline;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly id: string;
}

/** The length that the upstream announced stays, whatever an agent has set: a wrong one would shift the next response. */
function withLengthOf(original: HeaderList, changed: HeaderList): HeaderList {
  if (original === changed) return original;
  const length = new HeaderMap(original).get('content-length');
  const map = new HeaderMap(changed);
  if (map.get('content-length') === length) return changed;
  if (length === undefined) map.delete('content-length');
  else map.set('content-length', length);
  return map.toRaw();
}

/** Sends a request on and takes the response back, through the agents where they want to see it. */
export class Exchange {
  readonly #context: ExchangeContext;
  readonly #writer: ClientWriter;
  readonly #outcome: PromiseWithResolvers<void> = Promise.withResolvers<void>();
  #control: UpstreamControl | undefined;
  #sink: ResponseSink | undefined;
  #ended = false;
  #held: HeldBody | undefined;

  constructor(context: ExchangeContext, signal: AbortSignal) {
    this.#context = context;
    this.#writer = new ClientWriter(context.response, signal);
  }

  /** Bytes of the response's body that the client was sent. */
  get responseBytes(): number {
    return this.#writer.bytes;
  }

  /** Runs it to its end. @throws whatever ended it: what an agent refused, or an error of upstream, agent or client */
  async run(request: UpstreamRequest): Promise<void> {
    const { promise, reject } = this.#outcome;
    const onAbort = (): void => reject(request.signal.reason as Error);
    // a request that waits for a connection hears of it late; whoever waits for this must not
    request.signal.addEventListener('abort', onAbort, { once: true });
    this.#context.upstream.send(request, {
      onHead: (status, headers, control) => this.#onHead(status, stripHopByHop(headers), control),
      onData: (chunk) => this.#sink?.write(chunk) ?? true,
      onEnd: () => this.#end(),
      onError: (error) => {
        if (!this.#ended) reject(error);
      },
    });
    try {
      await promise;
    } finally {
      request.signal.removeEventListener('abort', onAbort);
      this.#held?.release();
    }
  }

  readonly #fail = (error: Error): void => {
    this.#outcome.reject(error);
    this.#control?.abort(error);
  };

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sink?.end();
  }

  #onHead(status: number, headers: HeaderList, control: UpstreamControl): boolean {
    this.#control = control;
    const { judgesResponses, responseOps } = this.#context.pipeline;
    if (!judgesResponses && responseOps.length === 0) {
      this.#sink = this.#plain(status, headers, control);
      // undici takes the length in a 304 for one of a body, and would fail at its end
      if (isBodiless(this.#context.request.method, status)) this.#end();
      return true;
    }
    this.#judge(status, headers, control).then((sink) => {
      this.#sink = sink;
      // a response without body may have ended while its head was judged
      if (this.#ended) sink.end();
      else if (isBodiless(this.#context.request.method, status)) this.#end();
      control.resume();
    }, this.#fail);
    return false;
  }

  #plain(status: number, headers: HeaderList, control: UpstreamControl): ResponseSink {
    this.#writer.head(status, headers);
    return this.#writer.plainSink(control, this.#outcome.resolve);
  }

  /** Asks the agents about the response's head, and makes the sink that takes its body. */
  async #judge(status: number, original: HeaderList, control: UpstreamControl): Promise<ResponseSink> {
    const { pipeline, request, response, id, options } = this.#context;
    const hasBody = !isBodiless(request.method, status);
    const { headers: changed, wantBody } = pipeline.judgesResponses
      ? await pipeline.onResponse({ type: 'responseHeaders', id, status, headers: original, hasBody })
      : { headers: applyHeaderOps(original, pipeline.responseOps), wantBody: [] };
    if (response.headersSent || response.destroyed)
      throw new AgentwireError('ERR_ABORTED', 'the request has ended while its response was judged');
    const headers = withLengthOf(original, changed);
    if (wantBody.length === 0) return this.#plain(status, headers, control);
    const ops: HeaderOp[] = [];
    const filter = new BodyFilter({
      agents: wantBody,
      mutation: 'responseBodyMutation',
      maxChunkBytes: options.maxChunkBytes,
      ask: (agent, chunk) => pipeline.ask(agent, { type: 'responseBodyChunk', id, ...chunk }),
      onAllow: ({ responseHeaders = [] }) => ops.push(...responseHeaders),
    });
    const held = options.responseBody === 'hold' ? new HeldBody(options.maxHeldBodyBytes) : undefined;
    this.#held = held;
    const { resolve: done } = this.#outcome;
    return new FilteredSink({
      status,
      headers,
      ops,
      filter,
      writer: this.#writer,
      control,
      held,
      done,
      fail: this.#fail,
    });
  }
}
