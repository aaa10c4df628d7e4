import type {
  CancelReason,
  Clock,
  Configure,
  Decision,
  Drain,
  GuardrailInspect,
  GuardrailResult,
  Logger,
  Peer,
  RequestComplete,
  Shutdown,
  WebSocketFrame,
} from '@agentwire/core';
import type { IncomingChunk, IncomingRequest, IncomingResponse } from './incoming.ts';

/** A value or a promise of it. Return the value where you can: an immediate decision is sent without waiting for a microtask. */
export type MaybePromise<T> = T | Promise<T>;

/** Reason that a request was cancelled for. */
export type GivenUpReason = CancelReason | 'connection_closed' | 'drain_timeout' | 'unknown';

/**
 * Handlers of an agent. Only those that are defined are announced to proxies. Events of one request arrive in order, one
 * at a time; different requests do not wait for each other. A handler that throws gives a failure answer, never an allow.
 */
export interface AgentHandlers<State = unknown> {
  /** Decides on the head of a request. With `requestBody` it may read the body first. */
  onRequestHeaders?(this: void, request: IncomingRequest, context: HandlerContext<State>): MaybePromise<Decision>;
  /**
   * Decides on each chunk of a request body, unless `onRequestHeaders` read the body or ended with `.done()`. `allow()`
   * passes the chunk and asks for the next one; `allow().done()` passes the rest without inspection.
   */
  onRequestBodyChunk?(this: void, chunk: IncomingChunk, context: HandlerContext<State>): MaybePromise<Decision>;
  /** Decides on the head of a response. With `responseBody` it may read the body first. */
  onResponseHeaders?(this: void, response: IncomingResponse, context: HandlerContext<State>): MaybePromise<Decision>;
  /** Decides on each chunk of a response body, as `onRequestBodyChunk` does of a request's. */
  onResponseBodyChunk?(this: void, chunk: IncomingChunk, context: HandlerContext<State>): MaybePromise<Decision>;
  /**
   * Reports that a request is over. A decision is sent to proxies that take an answer to it: those of the crate, over every
   * transport, and of version 1. The request is over, so that its audit is what they can use. Other proxies take none, which is
   * logged once; `context.log` reaches them.
   */
  onRequestComplete?(
    this: void,
    summary: RequestComplete,
    context: HandlerContext<State>,
  ): MaybePromise<Decision | void>;
  /** Decides on a WebSocket frame: `allow()`, `drop()` or `closeWebSocket()`. */
  onWebSocketFrame?(this: void, frame: WebSocketFrame, context: HandlerContext<State>): MaybePromise<Decision>;
  /** Inspects text for an AI guardrail; returns the findings or a decision. */
  onGuardrail?(
    this: void,
    inspection: GuardrailInspect,
    context: HandlerContext<State>,
  ): MaybePromise<GuardrailResult | Decision>;
  /** Applies a configuration; `undefined` or `allow()` accepts it, `refuse(reason)` or an exception refuses it. */
  onConfigure?(this: void, configuration: Configure, context: HandlerContext<State>): MaybePromise<Decision | void>;
  /** Reports that a proxy will send no new requests. */
  onDrain?(this: void, notice: Drain): void;
  /** Reports that a proxy is about to end. */
  onShutdown?(this: void, notice: Shutdown): void;
  /**
   * Reports that a request was cancelled before it was complete, whether a handler ran for it or it was decided. The signal
   * is aborted before. An agent with this handler asks proxies to report the end of each request.
   */
  onCancel?(this: void, reason: GivenUpReason, context: HandlerContext<State>): void;
}

/** Fields of a line for the proxy's log. */
export type LogFields = Readonly<Record<string, string | number | boolean>>;

/** Second parameter of every handler: the event's request and its circumstances. */
export interface HandlerContext<State = unknown> {
  /**
   * Aborted by cancel, by the proxy's disconnect, by the deadline, and by the end of a drain. Created on first use. An
   * exception of one of its listeners is logged and ends nothing; a signal that `AbortSignal.any` derives from it is a plain
   * one.
   */
  readonly signal: AbortSignal;
  /** Time at which this event must be answered, in milliseconds since 1970-01-01 UTC. Past it the agent answers `ERR_TIMEOUT`. */
  readonly deadline: number;
  /**
   * The proxy's id for the request, the same over every transport; unique with the gateway of agentwire. If the proxy has
   * none it is the correlation id, which a client may have chosen: neither secret nor unique. Where the agent saw no head of the
   * request, as one without `onRequestHeaders`, it is the id of the exchange on its connection, which no log of the proxy has: log
   * lines call it `wireId`. `log()` needs no id, as the proxy adds the request's.
   */
  readonly requestId: string;
  /**
   * W3C trace context of this call, to be sent along with what the handler asks others: the handler's own span where the agent is
   * served with a `tracer`, else the proxy's span; `undefined` where neither traces.
   */
  readonly traceparent: string | undefined;
  /**
   * The logger that the agent is served with; its lines stay here, see {@link HandlerContext.log}. Fields come first:
   * `logger.warn({ rule }, 'text')`; it also takes the text first.
   */
  readonly logger: Logger;
  /**
   * Sends a line to the log of the proxy, with the request's id; a proxy that takes none leaves it to `logger`. The message has
   * 4 096 characters at most, fields are 32 at most with 1 024 characters each; past 100 lines a second over all requests,
   * lines are left out, and their number is logged at both ends once per 10 s.
   *
   * @returns whether it was sent to the proxy
   */
  log(level: keyof Logger, message: string, fields?: LogFields): boolean;
  /** The clock that the agent is served with: real time, or the injected time of a test. */
  readonly clock: Clock;
  /** The proxy and what was negotiated with it. */
  readonly peer: Peer;
  /**
   * The request that the event belongs to; `undefined` if it is not known, see {@link HandlerContext.ambiguous}. It is the
   * same request for every event, but not always the same object: keep what belongs to it in `state`.
   */
  readonly request: IncomingRequest | undefined;
  /** The response, once its headers have arrived. */
  readonly response: IncomingResponse | undefined;
  /**
   * `true` if several live requests have the id of this event, so that its request is not known. Happens only in the
   * zentinel dialect, where clients choose ids.
   */
  readonly ambiguous: boolean;
  /**
   * State of the agent's own that later handlers of the same request receive; `undefined` until one sets it. Lost if the request is
   * not known. Its type is the parameter of `defineAgent<State>`.
   */
  state: State | undefined;
}
