import { FEATURES } from '@agentwire/core';
import { describe, expect, test } from 'vitest';
import { announce } from '../../src/define/announce.ts';
import { allow, defineAgent } from '../../src/index.ts';

const base = { name: 'a', version: '1' };

describe('defineAgent', () => {
  test('names unknown options and wrong values', () => {
    expect(() => defineAgent({ ...base, onHeaders: allow } as never)).toThrow('has no option "onHeaders"');
    expect(() => defineAgent({ ...base, onRequestHeaders: 1 } as never)).toThrow('onRequestHeaders must be a function');
    expect(() => defineAgent({ ...base, maxConcurrentRequests: 0 })).toThrow(
      'maxConcurrentRequests must be an integer from 1',
    );
    expect(() => defineAgent({ name: '', version: '1' })).toThrow('name of an agent');
    expect(() => defineAgent(base)).toThrow('an agent needs a handler: one of onRequestHeaders');
    expect(defineAgent({ ...base, onRequestHeaders: allow }).limits).toEqual({
      maxConcurrentRequests: 1024,
      handlerTimeoutMs: 30_000,
      maxBodyBytes: 104_857_600,
      maxTrackedRequests: 100_000,
      requestStateTtlMs: 60_000,
    });
  });

  test('announces only what it has a handler for', () => {
    const one = announce(defineAgent({ ...base, onRequestHeaders: allow }));
    expect(one.capabilities).toMatchObject({ events: ['requestHeaders'], streaming: false, configPush: false });
    expect(one.features).not.toContain('websocket');
    const all = announce(
      defineAgent({
        ...base,
        onRequestBodyChunk: allow,
        onResponseBodyChunk: allow,
        onRequestComplete: () => undefined,
        onWebSocketFrame: allow,
        onGuardrail: () => ({ detected: false, confidence: 0, detections: [] }),
        onConfigure: () => undefined,
        maxConcurrentRequests: 7,
      }),
      'a-1',
      'secret',
    );
    expect(all.capabilities).toMatchObject({
      agentId: 'a-1',
      events: [
        'requestHeaders',
        'requestBodyChunk',
        'responseHeaders',
        'responseBodyChunk',
        'requestComplete',
        'webSocketFrame',
        'guardrailInspect',
        'configure',
      ],
      streaming: true,
      maxConcurrentRequests: 7,
    });
    expect(all.token).toBe('secret');
    expect(all.features).toEqual(
      expect.arrayContaining(['streaming', 'request_complete', 'websocket', 'guardrails', 'config_push']),
    );
    expect(all.features.filter((feature) => !FEATURES.includes(feature))).toEqual([]);
  });

  test('announces bodies for handlers that read them', () => {
    const reads = announce(defineAgent({ ...base, requestBody: true, onRequestHeaders: allow }));
    expect(reads.capabilities?.events).toEqual(['requestHeaders', 'requestBodyChunk']);
    const responses = announce(defineAgent({ ...base, responseBody: true, onResponseHeaders: allow }));
    expect(responses.capabilities?.events).toEqual(['responseHeaders', 'responseBodyChunk']);
  });
});
