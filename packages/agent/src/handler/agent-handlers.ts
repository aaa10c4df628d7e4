import type {
  CancelReason,
  Configure,
  Decision,
  Drain,
  GuardrailInspect,
  GuardrailResult,
  RequestComplete,
  Shutdown,
  WebSocketFrame,
} from '@agentwire/core';
import type { HandlerContext } from './context.ts';
import type { IncomingChunk, IncomingRequest, IncomingResponse } from './incoming.ts';

/** A value or a promise of it. Return the value where you can: an immediate decision is sent without waiting for a microtask. */
export type MaybePromise<T> = T | Promise<T>;

/** Why a request was given up. */
export type GivenUpReason = CancelReason | 'connection_closed' | 'drain_timeout' | 'unknown';

/**
 * The handlers of an agent. Only those that are there are announced to proxies. Events of one request come in order, one
 * at a time; different requests do not wait for each other. A handler that throws gives a failure answer, never an allow.
 */
export interface AgentHandlers<State = unknown> {
  /** Decides on the head of a request. With `requestBody` it may read the body first. */
  onRequestHeaders?(this: void, request: IncomingRequest, context: HandlerContext<State>): MaybePromise<Decision>;
  /**
   * Decides on each chunk of a request body, unless `onRequestHeaders` read the body or ended with `.done()`. `allow()` lets
   * the chunk pass and asks for the next one; `allow().done()` lets the rest pass unseen.
   */
  onRequestBodyChunk?(this: void, chunk: IncomingChunk, context: HandlerContext<State>): MaybePromise<Decision>;
  /** Decides on the head of a response. With `responseBody` it may read the body first. */
  onResponseHeaders?(this: void, response: IncomingResponse, context: HandlerContext<State>): MaybePromise<Decision>;
  /** Decides on each chunk of a response body, as `onRequestBodyChunk` does of a request's. */
  onResponseBodyChunk?(this: void, chunk: IncomingChunk, context: HandlerContext<State>): MaybePromise<Decision>;
  /** Told that a request is over. */
  onRequestComplete?(this: void, summary: RequestComplete, context: HandlerContext<State>): MaybePromise<void>;
  /** Decides on a WebSocket frame: `allow()`, `drop()` or `closeWebSocket()`. */
  onWebSocketFrame?(this: void, frame: WebSocketFrame, context: HandlerContext<State>): MaybePromise<Decision>;
  /** Judges text for an AI guardrail: what was found, or a decision. */
  onGuardrail?(
    this: void,
    inspection: GuardrailInspect,
    context: HandlerContext<State>,
  ): MaybePromise<GuardrailResult | Decision>;
  /** Takes a configuration; nothing or `allow()` accepts it, `refuse(reason)` or a throw does not. */
  onConfigure?(this: void, configuration: Configure, context: HandlerContext<State>): MaybePromise<Decision | void>;
  /** Told that a proxy will send nothing new. */
  onDrain?(this: void, notice: Drain): void;
  /** Told that a proxy is about to end. */
  onShutdown?(this: void, notice: Shutdown): void;
  /**
   * Told that a request was given up before it was complete, whether a handler ran for it or it was decided. The signal is
   * aborted before. An agent with this handler asks proxies to be told of each request's end.
   */
  onCancel?(this: void, reason: GivenUpReason, context: HandlerContext<State>): void;
}
