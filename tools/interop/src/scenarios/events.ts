import type { RequestMetadata } from '@agentwire/core';
import type { Completion, EventBody } from '@agentwire/core/session';

const BARE: RequestMetadata = {
  correlationId: 'scenario',
  requestId: 'scenario-request',
  clientIp: '203.0.113.7',
  clientPort: 51_234,
  protocol: 'HTTP/1.1',
  timestamp: '2026-01-15T10:30:00.123Z',
};

const FULL: RequestMetadata = {
  ...BARE,
  serverName: 'www.example.test',
  tlsVersion: 'TLSv1.3',
  tlsCipher: 'TLS_AES_128_GCM_SHA256',
  routeId: 'api-main',
  upstreamId: 'backend-pool',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
};

/** The head of a request, everything optional in it. */
export function requestHeaders(uri: string, method = 'POST'): EventBody {
  const headers = ['host', 'www.example.test', 'x-twice', 'first', 'x-twice', 'second', 'x-remove-me', '1'];
  return { type: 'requestHeaders', metadata: FULL, method, uri, headers, hasBody: method === 'POST' };
}

/** The head of a request with nothing optional in it. */
export function bareHeaders(): EventBody {
  return { type: 'requestHeaders', metadata: BARE, method: 'GET', uri: '/', headers: [], hasBody: false };
}

/** A head whose target and headers are not ASCII: each character of a value is a byte, as HTTP has it. */
export function unicodeHeaders(): EventBody {
  const value = Buffer.from('žluťoučký kůň 🐎').toString('latin1');
  const headers = ['x-text', value, 'x-text', '', 'x-text', '"\\\t"'];
  return { type: 'requestHeaders', metadata: FULL, method: 'GET', uri: '/ř?q=ň', headers, hasBody: false };
}

/** A body in the given pieces. */
export function chunks(type: 'requestBodyChunk' | 'responseBodyChunk', parts: readonly Uint8Array[]): EventBody[] {
  const totalSize = parts.reduce((sum, part) => sum + part.byteLength, 0);
  let bytesTransferred = 0;
  return parts.map((data, index) => {
    bytesTransferred += data.byteLength;
    return { type, index, data, last: index === parts.length - 1, totalSize, bytesTransferred };
  });
}

/** The head of a response. */
export function responseHeaders(status: number): EventBody {
  const headers = ['content-type', 'text/plain', 'set-cookie', 'a=1', 'set-cookie', 'b=2'];
  return { type: 'responseHeaders', status, headers, hasBody: true };
}

/** The end of a request. */
export function completion(error: string | undefined): Completion {
  return { status: 200, durationMs: 12, requestBodySize: 34, responseBodySize: 56, upstreamAttempts: 1, error };
}

/** A WebSocket frame from the client. */
export function webSocketFrame(opcode: 'text' | 'binary', data: Uint8Array): EventBody {
  const clientIp = '203.0.113.7';
  return { type: 'webSocketFrame', opcode, data, clientToServer: true, index: 0, fin: true, routeId: 'ws', clientIp };
}

/** Text for a guardrail. */
export function guardrail(content: string): EventBody {
  const categories = ['email', 'phone'];
  const metadata = { tenant: 't-1' };
  const inspectionType = 'prompt_injection';
  return { type: 'guardrailInspect', inspectionType, content, model: 'm-1', categories, routeId: 'api', metadata };
}

/** A question to a guardrail with nothing optional in it. */
export function bareGuardrail(): EventBody {
  return { type: 'guardrailInspect', inspectionType: 'pii_detection', content: '', categories: [], metadata: {} };
}

/** A configuration; the number is past what a double holds. */
export function configure(reject: boolean): EventBody {
  return { type: 'configure', config: { reject, level: 9_007_199_254_740_991 }, configVersion: 'v-7' };
}
