import type { RequestBodyChunk, RequestHeaders, ResponseBodyChunk } from '@agentwire/core';

export const headers: Omit<RequestHeaders, 'id'> = {
  type: 'requestHeaders',
  metadata: {
    correlationId: 'c-1',
    requestId: 'r-1',
    clientIp: '::1',
    clientPort: 1234,
    protocol: 'HTTP/1.1',
    timestamp: '2025-01-01T00:00:00.000Z',
  },
  method: 'GET',
  uri: '/',
  headers: ['host', 'example.test'],
  hasBody: false,
};

export const chunk = (index: number, last = false): Omit<RequestBodyChunk, 'id'> => ({
  type: 'requestBodyChunk',
  index,
  data: new Uint8Array([index]),
  last,
});

export const responseChunk = (index: number, last = false): Omit<ResponseBodyChunk, 'id'> => ({
  ...chunk(index, last),
  type: 'responseBodyChunk',
});
