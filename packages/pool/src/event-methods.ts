import type {
  Decision,
  GuardrailInspect,
  RequestBodyChunk,
  RequestHead,
  ResponseBodyChunk,
  ResponseHeaders,
  WebSocketFrame,
} from '@agentwire/core';
import type { PoolAskOptions, Question } from './question.ts';

/** An event without its `type`, for the methods that are named after it. */
type Body<T> = Omit<T, 'type'>;

/** Methods named after events; each adds the type and calls {@link request}. */
export abstract class EventMethods {
  /** Sends one event to an agent. */
  abstract request(agent: string, event: Question, options?: PoolAskOptions): Promise<Decision>;

  /** Sends the head of a request; every member of its metadata is optional. */
  sendRequestHeaders(agent: string, headers: Body<RequestHead>, options?: PoolAskOptions): Promise<Decision> {
    return this.request(agent, { ...headers, type: 'requestHeaders' }, options);
  }

  /** Sends a chunk of a request's body, on the connection that took its headers. */
  sendRequestBodyChunk(agent: string, chunk: Body<RequestBodyChunk>, options?: PoolAskOptions): Promise<Decision> {
    return this.request(agent, { ...chunk, type: 'requestBodyChunk' }, options);
  }

  /** Sends the head of the response. */
  sendResponseHeaders(agent: string, headers: Body<ResponseHeaders>, options?: PoolAskOptions): Promise<Decision> {
    return this.request(agent, { ...headers, type: 'responseHeaders' }, options);
  }

  /** Sends a chunk of the response's body. */
  sendResponseBodyChunk(agent: string, chunk: Body<ResponseBodyChunk>, options?: PoolAskOptions): Promise<Decision> {
    return this.request(agent, { ...chunk, type: 'responseBodyChunk' }, options);
  }

  /** Sends a WebSocket frame. */
  sendWebSocketFrame(agent: string, frame: Body<WebSocketFrame>, options?: PoolAskOptions): Promise<Decision> {
    return this.request(agent, { ...frame, type: 'webSocketFrame' }, options);
  }

  /** Sends text for a guardrail. */
  sendGuardrailInspect(agent: string, inspection: Body<GuardrailInspect>, options?: PoolAskOptions): Promise<Decision> {
    return this.request(agent, { ...inspection, type: 'guardrailInspect' }, options);
  }
}
