import type { RequestBodyChunk, RequestHeaders, ResponseBodyChunk, ResponseHeaders, RequestId } from '@agentwire/core';

/** The head of a request. */
export function head(id: RequestId, more: Partial<RequestHeaders> = {}): RequestHeaders {
  return {
    type: 'requestHeaders',
    id,
    method: 'POST',
    uri: '/a?b=c',
    headers: ['Host', 'example.test', 'Content-Length', '6'],
    hasBody: true,
    metadata: {
      correlationId: String(id),
      requestId: 'r-1',
      clientIp: '192.0.2.1',
      clientPort: 4000,
      protocol: 'HTTP/1.1',
      timestamp: '2025-01-01T00:00:00Z',
      traceparent: '00-1-2-01',
    },
    ...more,
  };
}

/** A request body chunk of text. */
export function chunk(id: RequestId, index: number, text: string, last: boolean, totalSize?: number): RequestBodyChunk {
  return { type: 'requestBodyChunk', id, index, data: Buffer.from(text), last, totalSize };
}

/** The head of a response. */
export function response(id: RequestId, status = 200): ResponseHeaders {
  return { type: 'responseHeaders', id, status, headers: ['Content-Length', '3'], hasBody: true };
}

/** A response body chunk of text. */
export function responseChunk(id: RequestId, index: number, text: string, last: boolean): ResponseBodyChunk {
  return { type: 'responseBodyChunk', id, index, data: Buffer.from(text), last };
}

/** Lets everything that is ready to run, run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
