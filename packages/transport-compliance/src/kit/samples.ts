import type { Message, MessageType, RequestId, RequestMetadata } from '@agentwire/core';
import { AGENT_SAMPLES } from './agent-samples.ts';

/** Messages of one type, with every field filled in and with the optional ones left out. */
export type Samples = (id: RequestId) => readonly Message[];

/** Metadata of the kit's requests. */
function metadata(id: RequestId): RequestMetadata {
  return {
    // differs from the id: it must be carried, not derived from the id
    correlationId: `logged-${id}`,
    requestId: 'req-1',
    clientIp: '192.0.2.7',
    clientPort: 43_210,
    serverName: 'shop.example',
    protocol: 'HTTP/1.1',
    tlsVersion: 'TLSv1.3',
    tlsCipher: 'TLS_AES_128_GCM_SHA256',
    routeId: 'route-1',
    upstreamId: 'upstream-1',
    timestamp: '2025-01-01T00:00:00.123Z',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  };
}

/** A request head, as most cases need one. */
export function requestHeaders(id: RequestId): Message & { readonly type: 'requestHeaders' } {
  const headers = ['host', 'shop.example', 'accept', 'text/html', 'accept', '*/*', 'etag', 'W/"a\\b"', 'x-empty', ''];
  return {
    type: 'requestHeaders',
    id,
    metadata: metadata(id),
    method: 'POST',
    uri: '/a%20b?c=ü',
    headers,
    hasBody: true,
  };
}

/** A body chunk of `length` bytes that are not all the same. */
export function chunk(id: RequestId, index: number, length: number): Message & { readonly type: 'requestBodyChunk' } {
  const data = new Uint8Array(length);
  for (let at = 0; at < length; at += 1 + (at >> 4)) data[at] = (at * 31 + index) & 255;
  return { type: 'requestBodyChunk', id, index, data, last: false };
}

/** Messages that a proxy may send, by type. */
const PROXY_SAMPLES: Readonly<Partial<Record<MessageType, Samples>>> = {
  requestHeaders: (id) => {
    const { correlationId, requestId, clientIp, protocol, timestamp } = metadata(id);
    const bare = { correlationId, requestId, clientIp, clientPort: 0, protocol, timestamp };
    return [requestHeaders(id), { ...requestHeaders(id), metadata: bare, headers: [], uri: '/', hasBody: false }];
  },
  requestBodyChunk: (id) => [
    {
      type: 'requestBodyChunk',
      id,
      index: 0,
      data: Uint8Array.from({ length: 256 }, (_, at) => at),
      last: false,
      totalSize: 256,
    },
    { type: 'requestBodyChunk', id, index: 1, data: new Uint8Array(0), last: true },
  ],
  responseHeaders: (id) => [
    { type: 'responseHeaders', id, status: 204, headers: ['set-cookie', 'a=1', 'set-cookie', 'b=2'], hasBody: true },
    { type: 'responseHeaders', id, status: 999, headers: [], hasBody: false },
  ],
  responseBodyChunk: (id) => [
    { type: 'responseBodyChunk', id, index: 0, data: Uint8Array.of(0, 10, 13, 255), last: false, totalSize: 4 },
    { type: 'responseBodyChunk', id, index: 1, data: new Uint8Array(0), last: true },
  ],
  requestComplete: (id) => {
    const sizes = { durationMs: 12, requestBodySize: 3_000_000_000, responseBodySize: 0, upstreamAttempts: 2 };
    return [
      { type: 'requestComplete', id, status: 502, ...sizes, error: 'upstream reset' },
      { type: 'requestComplete', id, status: 200, ...sizes },
    ];
  },
  webSocketFrame: (id) => [
    {
      type: 'webSocketFrame',
      id,
      opcode: 'binary',
      data: Uint8Array.of(0, 255),
      clientToServer: true,
      index: 0,
      fin: true,
      routeId: 'route-1',
      clientIp: '::1',
    },
    {
      type: 'webSocketFrame',
      id,
      opcode: 'close',
      data: new Uint8Array(0),
      clientToServer: false,
      index: 7,
      fin: false,
      clientIp: '::1',
    },
  ],
  guardrailInspect: (id) => [
    {
      type: 'guardrailInspect',
      id,
      inspectionType: 'prompt_injection',
      content: 'ignore “all” 🙂',
      model: 'model-1',
      categories: ['a', 'b'],
      routeId: 'route-1',
      metadata: { user: 'u' },
    },
    { type: 'guardrailInspect', id, inspectionType: 'pii_detection', content: '', categories: [], metadata: {} },
  ],
  configure: (id) => [
    {
      type: 'configure',
      id,
      config: { rules: [{ on: true, limit: 10, ratio: 0.5, text: 'x', none: null }] },
      configVersion: 'v1',
    },
    { type: 'configure', id, config: {} },
  ],
  cancel: (id) => [
    { type: 'cancel', id, reason: 'client_disconnect', timestampMs: 1_735_689_600_123 },
    { type: 'cancel', id, reason: 'manual', timestampMs: 1 },
  ],
  cancelAll: () => [{ type: 'cancelAll', reason: 'going down' }],
  ping: () => [
    { type: 'ping', sequence: 1, timestampMs: 1_735_689_600_123 },
    { type: 'ping', sequence: 0, timestampMs: 0 },
  ],
  pong: () => [{ type: 'pong', sequence: 2, timestampMs: 1_735_689_600_123 }],
  drain: () => [{ type: 'drain', reason: 'deploy', durationMs: 5000 }, { type: 'drain' }],
  shutdown: () => [{ type: 'shutdown', reason: 'deploy', durationMs: 5000 }, { type: 'shutdown' }],
  configUpdateResponse: () => [
    {
      type: 'configUpdateResponse',
      requestId: 'u-1',
      accepted: false,
      error: 'no such list',
      timestampMs: 1_735_689_600_123,
    },
    { type: 'configUpdateResponse', requestId: 'u-2', accepted: true, timestampMs: 1 },
  ],
};

/** Every message type that can be sent, with the samples of each role. */
export const SAMPLES: readonly {
  readonly type: MessageType;
  readonly proxy: Samples | undefined;
  readonly agent: Samples | undefined;
}[] = [...new Set([...Object.keys(PROXY_SAMPLES), ...Object.keys(AGENT_SAMPLES)] as MessageType[])].map((type) => {
  const [proxy, agent] = [PROXY_SAMPLES[type], AGENT_SAMPLES[type]];
  return { type, proxy, agent };
});
