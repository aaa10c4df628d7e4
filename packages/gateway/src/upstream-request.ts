import type { Socket } from 'node:net';
import { AgentwireError, type HeaderList } from '@agentwire/core';
import { stripHopByHop } from '@agentwire/headers';
import type { Pipeline } from '@agentwire/pipeline';
import { type BufferedBody, shadowedSink } from '@agentwire/pipeline/internal';
import type { ClientRequest, ClientResponse } from './client-messages.ts';
import type { RequestReader } from './body/request-reader.ts';
import { UpstreamTimes } from './observe/upstream-times.ts';
import type { ResolvedGatewayOptions } from './options/resolve-options.ts';
import { isGrpc, takesTrailers } from './options/trailer-mode.ts';
import { hasUnknownCoding, isBodiless } from './response/body-framing.ts';
import { ClientWriter } from './response/client-writer.ts';
import { judgeResponse, type JudgedWay } from './response/judge-response.ts';
import { passPlain, type ResponseSink } from './response/plain-response.ts';
import { BadRequest } from './response/refusal.ts';
import type { WebSocketUpgrade } from './websocket/web-socket-upgrade.ts';
import type { StallWatch } from './response/stall-watch.ts';
import type {
  OutgoingRequest,
  ResponseControl,
  ResponseHandler,
  UpstreamCall,
  UpstreamSender,
} from './upstream/upstream-messages.ts';

/** Collaborators of an {@link UpstreamRequest}. */
export interface UpstreamRequestDeps {
  readonly options: ResolvedGatewayOptions;
  readonly upstream: UpstreamSender;
  readonly stalls: StallWatch;
  /** Set where the request has a body. */
  readonly reader: RequestReader | undefined;
  readonly pipeline: Pipeline;
  readonly request: ClientRequest;
  readonly response: ClientResponse;
  readonly id: string;
  /** Set where the client asks for a WebSocket. */
  readonly webSocket: WebSocketUpgrade | undefined;
}

/** Sends a request to the upstream and passes the response to the client, through the agents where they take it. */
export class UpstreamRequest implements ResponseHandler, JudgedWay {
  readonly #context: UpstreamRequestDeps;
  readonly writer: ClientWriter;
  /** Settle the promise of {@link run}. */
  #resolve: (() => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;
  #call: UpstreamCall | undefined;
  #sink: ResponseSink | undefined;
  #answered = false;
  /** Status of the upstream's response, once its head has come. */
  status: number | undefined;
  /** Times of the request; measured with `metrics` or `onRequestEnd`. */
  readonly times: UpstreamTimes | undefined;
  #ended = false;
  /** Error of a client that left. */
  #left: Error | undefined;
  buffer: BufferedBody | undefined;
  /** Head of a response whose trailers may pass. */
  #head: HeaderList | undefined;

  constructor(context: UpstreamRequestDeps) {
    this.#context = context;
    const { response, options, stalls } = context;
    const measured = options.metrics !== undefined || options.onRequestEnd !== undefined;
    this.times = measured ? new UpstreamTimes(options.clock) : undefined;
    this.writer = new ClientWriter({ response, clock: options.clock, stalls, onFail: this.fail });
  }

  /** Bytes of body sent to the client. */
  get responseBytes(): number {
    return this.writer.bytes;
  }

  /** Status of a gRPC call that the upstream answered, where observers are told of it. */
  get grpcStatus(): number | undefined {
    return this.writer.grpcStatus;
  }

  /** `true` once the response has begun: its head can no longer be changed. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Number of times that the request was sent. */
  get attempts(): number {
    return this.#call?.attempts ?? 0;
  }

  /** Target that it was sent to last. */
  get target(): string | undefined {
    return this.#call?.target;
  }

  get stalledSince(): number | undefined {
    return this.writer.stalledSince ?? this.#context.reader?.stalledSince;
  }

  evict(): void {
    const others = 'while others waited for a connection to the upstream';
    if (this.#answered)
      this.fail(new AgentwireError('ERR_TIMEOUT', `the client read its response too slowly ${others}`));
    else this.fail(new BadRequest(408, `the upload was too slow ${others}`));
  }

  /** Runs the request to its end. @throws Refusal of an agent, or an error of upstream, agent or client */
  run(request: OutgoingRequest): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#left !== undefined) throw this.#left;
      this.#resolve = resolve;
      this.#reject = reject;
      this.times?.begin();
      this.#call = this.#context.upstream.send(request, this);
    });
  }

  /** Ends the request, now or when it is run: the client has left. */
  leave(error: Error): void {
    this.#left = error;
    this.writer.leave(error);
    if (this.#reject !== undefined) this.fail(error);
  }

  readonly fail = (error: Error): void => {
    this.#failed(error);
    this.#call?.abort(error);
  };

  readonly #failed = (error: unknown): void => {
    this.buffer?.release();
    this.#reject?.(error);
  };

  readonly done = (): void => {
    this.buffer?.release();
    this.#resolve?.();
  };

  onHead(status: number, raw: HeaderList, control: ResponseControl): boolean {
    if (!isBodiless(this.#context.request.method, status) && hasUnknownCoding(raw)) {
      this.fail(
        new AgentwireError('ERR_PROTOCOL', 'the upstream answered with a transfer-encoding other than chunked'),
      );
      return false;
    }
    this.#answered = true;
    this.status = status;
    this.times?.onHead();
    const headers = stripHopByHop(raw);
    const bodiless = control.headOnly || isBodiless(this.#context.request.method, status);
    const { judgesResponses, responseOps, trailers } = this.#context.pipeline;
    const { request, options } = this.#context;
    if (trailers !== undefined && this.times !== undefined && isGrpc(request)) this.writer.keepLines();
    if (trailers !== undefined && !bodiless && takesTrailers(request, options.trailers)) {
      this.#head = headers;
      this.writer.expectTrailers();
    }
    if (!judgesResponses && responseOps.length === 0) {
      this.#sink = passPlain(this.#context, this, status, headers, control);
      // undici expects a body of the length in a 304, and would fail at its end
      if (bodiless) this.onEnd();
      return true;
    }
    judgeResponse(this.#context, this, status, headers, control).then((sink) => {
      const { shadows } = this.#context.pipeline;
      this.#sink = shadows === undefined ? sink : shadowedSink(sink, shadows);
      if (bodiless) this.onEnd();
      control.resume();
    }, this.fail);
    return false;
  }

  onUpgrade(headers: HeaderList, socket: Socket): void {
    this.#answered = true;
    this.status = 101;
    this.times?.onHead();
    this.#context.webSocket?.run(headers, socket).then(this.done, this.#failed);
  }

  onData(chunk: Uint8Array): boolean {
    return this.#sink?.write(chunk) ?? true;
  }

  onEnd(trailers?: HeaderList): void {
    if (this.#ended) return;
    this.#ended = true;
    const filter = this.#context.pipeline.trailers;
    if (trailers !== undefined && filter !== undefined && this.#head !== undefined)
      this.writer.addTrailers(filter.pass(trailers, this.#head));
    this.#sink?.end();
  }

  onError(error: Error): void {
    if (!this.#ended) this.#failed(error);
  }
}
