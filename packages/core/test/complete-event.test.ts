import { describe, expect, it } from 'vitest';
import type { ProxyEvent } from '@agentwire/core';
import { completeEvent } from '@agentwire/core/internal';

const clock = { wallNow: () => 1_700_000_000_000 };
const head = { type: 'requestHeaders', id: 7, method: 'GET', uri: '/', headers: [] };
const chunk = { type: 'requestBodyChunk', id: 7, index: 0, data: new Uint8Array(), last: true };
const frame = {
  type: 'webSocketFrame',
  id: 7,
  opcode: 'text',
  data: new Uint8Array(),
  clientToServer: true,
  index: 0,
  fin: true,
  clientIp: '',
};
const guard = {
  type: 'guardrailInspect',
  id: 7,
  inspectionType: 'pii_detection',
  content: '',
  categories: [],
  metadata: {},
};
const end = {
  type: 'requestComplete',
  id: 7,
  status: 200,
  durationMs: 1.5,
  requestBodySize: 0,
  responseBodySize: 0,
  upstreamAttempts: 1,
};

describe('completeEvent', () => {
  it('fills up what a head does not say', () => {
    const metadata = {
      correlationId: '7',
      requestId: '',
      clientIp: '',
      clientPort: 0,
      protocol: 'HTTP/1.1',
      timestamp: '2023-11-14T22:13:20.000Z',
    };
    expect(completeEvent(head as never, clock)).toEqual({ ...head, metadata });
    const some = { ...head, metadata: { clientIp: '192.0.2.1', protocol: undefined, routeId: 'r' } };
    expect(completeEvent(some as never, clock)).toEqual({
      ...head,
      metadata: { ...metadata, clientIp: '192.0.2.1', routeId: 'r' },
    });
  });

  it('gives back what is whole as it is', () => {
    const whole = completeEvent(head as never, clock);
    for (const one of [whole, chunk, frame, guard, end]) expect(completeEvent(one as ProxyEvent, clock)).toBe(one);
  });

  it.each<readonly [string, object]>([
    ['type', { ...head, type: 'head' }],
    ['method', { ...head, method: undefined }],
    ['uri', { ...head, uri: 5 }],
    ['headers', { ...head, headers: { a: 'b' } }],
    ['headers', { ...head, headers: ['a'] }],
    ['headers[1]', { ...head, headers: ['a', 1] }],
    ['hasBody', { ...head, hasBody: 'no' }],
    ['metadata', { ...head, metadata: 's3cret' }],
    ['metadata.clientIp', { ...head, metadata: { clientIp: 5 } }],
    ['metadata.clientPort', { ...head, metadata: { clientPort: 65_536 } }],
    ['index', { ...chunk, index: undefined }],
    ['data', { ...chunk, data: undefined }],
    ['data', { ...chunk, data: 's3cret' }],
    ['last', { ...chunk, last: undefined }],
    ['totalSize', { ...chunk, type: 'responseBodyChunk', totalSize: -1 }],
    ['status', { type: 'responseHeaders', id: 7, status: 99, headers: [] }],
    ['opcode', { ...frame, opcode: 's3cret' }],
    ['fin', { ...frame, fin: 1 }],
    ['inspectionType', { ...guard, inspectionType: 's3cret' }],
    ['categories', { ...guard, categories: 'a' }],
    ['metadata', { ...guard, metadata: { a: 1 } }],
    ['durationMs', { ...end, durationMs: Number.NaN }],
    ['configVersion', { type: 'configure', id: 7, config: {}, configVersion: 5 }],
  ])('names the field %s', (field, event) => {
    let error: unknown;
    try {
      completeEvent(event as ProxyEvent, clock);
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    expect((error as Error).message).toContain(field);
    expect((error as Error).message).not.toContain('s3cret');
  });
});
