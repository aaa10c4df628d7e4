import type { Dialect, Message, MessageType, RequestId, Role } from '@agentwire/core';

/** One message of a type, and who sends it. */
export interface Sample {
  readonly name: string;
  readonly from: Role;
  readonly message: Message;
}

const metadata = {
  correlationId: 'corr-1',
  requestId: 'req-1',
  clientIp: '203.0.113.9',
  clientPort: 50_123,
  serverName: 'www.example.com',
  protocol: 'HTTP/1.1',
  tlsVersion: 'TLSv1.3',
  tlsCipher: 'TLS_AES_128_GCM_SHA256',
  routeId: undefined,
  upstreamId: 'backend',
  timestamp: '2026-01-15T10:11:12.123Z',
};

/** Every message that a dialect can write, with an id of that dialect. */
export function samplesOf(dialect: Dialect): readonly Sample[] {
  const id: RequestId = dialect === 'documented' ? 65_537 : 'corr-1';
  const at = 1_768_471_872_123;
  const proxy = (message: Message, name: string = message.type): Sample => ({ name, from: 'proxy', message });
  const agent = (message: Message, name: string = message.type): Sample => ({ name, from: 'agent', message });
  const headers = ['host', 'www.example.com', 'ETag', '"abc\\d"', 'accept', 'a', 'x-name', 'caf\u00e9'];
  const both: Sample[] = [
    proxy({
      type: 'requestHeaders',
      id,
      metadata,
      method: 'GET',
      uri: '/a?b=\u00fc',
      headers,
      hasBody: dialect === 'documented' ? true : undefined,
    }),
    proxy(
      {
        type: 'requestHeaders',
        id,
        metadata: { ...metadata, traceparent: '00-a-b-01' },
        method: 'POST',
        uri: '/',
        headers: [],
        hasBody: dialect === 'documented' ? false : undefined,
      },
      'requestHeaders traced',
    ),
    proxy({
      type: 'requestBodyChunk',
      id,
      index: 0,
      data: Buffer.from('hello \x00\xff', 'latin1'),
      last: false,
      ...(dialect === 'zentinel' ? { bytesTransferred: 8 } : {}),
    }),
    proxy({
      type: 'responseHeaders',
      id,
      status: 200,
      headers: ['content-type', 'text/plain'],
      hasBody: dialect === 'documented' ? true : undefined,
    }),
    proxy({
      type: 'responseBodyChunk',
      id,
      index: 3,
      data: Buffer.alloc(0),
      last: true,
      totalSize: 0,
      ...(dialect === 'zentinel' ? { bytesTransferred: 0 } : {}),
    }),
    proxy({
      type: 'requestComplete',
      id,
      status: 200,
      durationMs: 12,
      requestBodySize: 5_000_000_000,
      responseBodySize: 7,
      upstreamAttempts: 1,
    }),
    proxy({
      type: 'webSocketFrame',
      id,
      opcode: 'text',
      data: Buffer.from('hi'),
      clientToServer: true,
      index: 0,
      fin: true,
      clientIp: '::1',
    }),
    proxy({
      type: 'guardrailInspect',
      id,
      inspectionType: 'pii_detection',
      content: 'mail me',
      model: 'm',
      categories: ['email'],
      metadata: { a: 'b' },
    }),
    proxy({
      type: 'configure',
      id,
      config: { mode: 'on', list: [1, 2.5, null, true], big: 5_000_000_000 },
      configVersion: '7',
    }),
    agent({ type: 'answer', id, decision: { verdict: { type: 'allow' } } }, 'answer allow'),
    agent(
      {
        type: 'answer',
        id,
        decision: {
          verdict: { type: 'block', status: 403, body: 'no', headers: ['content-type', 'text/plain'] },
          requestHeaders: [
            { op: 'set', name: 'x-a', value: '1' },
            { op: 'remove', name: 'x-b' },
          ],
          responseHeaders: [{ op: 'add', name: 'vary', value: 'origin' }],
          audit: {
            tags: ['waf'],
            ruleIds: ['942100'],
            confidence: 0.5,
            reasonCodes: ['sqli'],
            custom: { score: 7, nested: { a: [1] } },
          },
          needsMore: true,
          requestBodyMutation: { index: 0, data: Buffer.from('new') },
          responseBodyMutation: { index: 1, data: null },
          routingMetadata: { pool: 'b' },
          webSocket: { type: 'close', code: 1008, reason: 'policy' },
        },
      },
      'answer block',
    ),
    agent(
      { type: 'answer', id, decision: { verdict: { type: 'redirect', url: 'https://example.com/', status: 302 } } },
      'answer redirect',
    ),
    agent(
      {
        type: 'answer',
        id,
        decision: { verdict: { type: 'challenge', challengeType: 'captcha', params: { site: 'k' } } },
      },
      'answer challenge',
    ),
    agent({
      type: 'healthStatus',
      agentId: 'waf',
      state: 'healthy',
      message: 'fine',
      load: {
        inFlight: 1,
        queueDepth: 2,
        averageLatencyMs: 1.5,
        p50LatencyMs: 1,
        p95LatencyMs: 2,
        p99LatencyMs: 3,
        requestsProcessed: 10,
        requestsRejected: 0,
        requestsTimedOut: 0,
      },
      resources: { cpuPercent: 12.5, memoryBytes: 1_000_000, openFds: 20 },
      timestampMs: at,
    }),
    agent({
      type: 'metricsReport',
      agentId: 'waf',
      timestampMs: at,
      intervalMs: 10_000,
      counters: [{ name: 'seen', help: 'requests seen', labels: { rule: 'a' }, value: 5 }],
      gauges: [{ name: 'load', labels: {}, value: 2 }],
      histograms: [
        {
          name: 'took',
          labels: {},
          sum: 1.5,
          count: 3,
          buckets: [
            { le: 0.5, count: 1 },
            { le: Infinity, count: 3 },
          ],
        },
      ],
    }),
    agent({
      type: 'configUpdateRequest',
      requestId: 'u-1',
      timestampMs: at,
      update: {
        type: 'ruleUpdate',
        ruleSet: 'crs',
        rules: [{ id: 'r', priority: -1, definition: { match: '/x' }, enabled: true, tags: ['t'] }],
        removeRules: ['q'],
      },
    }),
    agent({ type: 'flowControl', action: 'updateCapacity', bufferAvailable: 1024 }),
    proxy({ type: 'cancel', id, reason: 'timeout', ...(dialect === 'zentinel' ? { timestampMs: at } : {}) }),
    proxy({ type: 'ping', sequence: 9, timestampMs: at }),
    agent({ type: 'pong', sequence: 9, timestampMs: at }),
  ];
  if (dialect === 'zentinel') return both;
  return [
    ...both,
    agent(
      {
        type: 'answer',
        id: 2n ** 64n - 1n,
        decision: { verdict: { type: 'block', status: 500 }, error: { code: 'ERR_HANDLER', message: 'it threw' } },
      },
      'answer error',
    ),
    agent(
      {
        type: 'answer',
        id,
        decision: { verdict: { type: 'allow' }, cache: { ttlMs: 5_000, vary: ['path', 'x-user'] } },
      },
      'answer cached',
    ),
    agent(
      {
        type: 'healthStatus',
        agentId: 'waf',
        state: 'degraded',
        timestampMs: at,
        disabledFeatures: ['x'],
        timeoutMultiplier: 1.5,
      },
      'healthStatus degraded',
    ),
    proxy({ type: 'cancelAll', reason: 'going' }),
    proxy({ type: 'drain', reason: 'deploy', durationMs: 5000 }),
    agent({ type: 'shutdown' }),
    proxy({ type: 'configUpdateResponse', requestId: 'u-1', accepted: false, error: 'no', timestampMs: at }),
    agent({ type: 'log', level: 'warn', message: 'odd', id, fields: { a: 'b' }, timestampMs: at }),
  ];
}

/** The types that samples of a dialect should cover. */
export const WRITABLE: Readonly<Record<Dialect, number>> = { documented: 21, zentinel: 16 };

/** The types among samples. */
export const typesOf = (samples: readonly Sample[]): ReadonlySet<MessageType> =>
  new Set(samples.map((sample) => sample.message.type));
