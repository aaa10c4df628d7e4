import {
  ALLOW,
  type Decision,
  type HealthStatus,
  type Message,
  type MessageType,
  type RequestId,
} from '@agentwire/core';

const LOAD: NonNullable<HealthStatus['load']> = {
  inFlight: 3,
  queueDepth: 1,
  averageLatencyMs: 1.5,
  p50LatencyMs: 1,
  p95LatencyMs: 2.5,
  p99LatencyMs: 4,
  requestsProcessed: 5_000_000_000,
  requestsRejected: 2,
  requestsTimedOut: 1,
};

/** Decisions that together fill in every field of a decision. */
const DECISIONS: readonly Decision[] = [
  ALLOW,
  {
    verdict: { type: 'block', status: 403, body: 'no – sorry', headers: ['content-type', 'text/plain'] },
    audit: {
      tags: ['waf'],
      ruleIds: ['r-1'],
      confidence: 0.5,
      reasonCodes: ['sqli'],
      custom: { score: 7, deep: { list: [1, 'a', null] } },
    },
  },
  { verdict: { type: 'block', status: 503 } },
  { verdict: { type: 'redirect', url: 'https://login.example/?a=b', status: 307 } },
  { verdict: { type: 'challenge', challengeType: 'captcha', params: { site: 'k' } } },
  {
    verdict: { type: 'allow' },
    requestHeaders: [
      { op: 'set', name: 'x-user', value: 'u' },
      { op: 'add', name: 'x-tag', value: '' },
      { op: 'remove', name: 'cookie' },
    ],
    responseHeaders: [{ op: 'set', name: 'x-frame-options', value: 'DENY' }],
    needsMore: true,
    routingMetadata: { upstream: 'canary' },
  },
  { verdict: { type: 'allow' }, requestBodyMutation: { index: 0, data: Uint8Array.of(0, 1, 255) } },
  { verdict: { type: 'allow' }, requestBodyMutation: { index: 1, data: null }, needsMore: true },
  { verdict: { type: 'allow' }, responseBodyMutation: { index: 2, data: new Uint8Array(0) } },
  { verdict: { type: 'allow' }, webSocket: { type: 'drop' } },
  { verdict: { type: 'allow' }, webSocket: { type: 'close', code: 1008, reason: 'policy' } },
];

/** Messages that an agent may send, by type. */
export const AGENT_SAMPLES: Readonly<Partial<Record<MessageType, (id: RequestId) => readonly Message[]>>> = {
  answer: (id) => DECISIONS.map((decision) => ({ type: 'answer', id, decision })),
  ping: () => [{ type: 'ping', sequence: 3, timestampMs: 1_735_689_600_123 }],
  pong: () => [{ type: 'pong', sequence: 4, timestampMs: 1_735_689_600_123 }],
  drain: () => [{ type: 'drain', reason: 'deploy', durationMs: 5000 }],
  shutdown: () => [{ type: 'shutdown', reason: 'deploy', durationMs: 5000 }],
  healthStatus: () => {
    const common = { type: 'healthStatus', agentId: 'a-1', timestampMs: 1_735_689_600_123 } as const;
    return [
      {
        ...common,
        state: 'healthy',
        message: 'fine',
        load: LOAD,
        resources: { cpuPercent: 12.5, memoryBytes: 1024, openFds: 9 },
        validUntilMs: 1_735_689_700_000,
      },
      { ...common, state: 'degraded', disabledFeatures: ['bodies'], timeoutMultiplier: 1.5 },
      { ...common, state: 'draining', drainEtaMs: 250 },
      { ...common, state: 'unhealthy', unhealthyReason: 'no disk', recoverable: true },
    ];
  },
  metricsReport: () => [
    {
      type: 'metricsReport',
      agentId: 'a-1',
      timestampMs: 1_735_689_600_123,
      intervalMs: 10_000,
      counters: [{ name: 'hits', help: 'hits so far', labels: { rule: 'r-1' }, value: 3 }],
      gauges: [{ name: 'depth', labels: {}, value: 0.5 }],
      histograms: [
        {
          name: 'took',
          labels: {},
          sum: 2.5,
          count: 3,
          buckets: [
            { le: 0.5, count: 1 },
            { le: Infinity, count: 3 },
          ],
        },
      ],
    },
  ],
  configUpdateRequest: () => {
    const common = { type: 'configUpdateRequest', requestId: 'u-1', timestampMs: 1_735_689_600_123 } as const;
    const rule = {
      id: 'r-1',
      priority: 5,
      definition: { match: '/x' },
      enabled: true,
      description: 'a rule',
      tags: ['t'],
    };
    return [
      { ...common, update: { type: 'requestReload' } },
      { ...common, update: { type: 'ruleUpdate', ruleSet: 's', rules: [rule], removeRules: ['r-2'] } },
      { ...common, update: { type: 'listUpdate', listId: 'l', add: ['192.0.2.1'], remove: ['192.0.2.2'] } },
      { ...common, update: { type: 'restartRequired', reason: 'new binary', gracePeriodMs: 1000 } },
      { ...common, update: { type: 'configError', error: 'bad value', field: 'limit' } },
    ];
  },
  flowControl: (id) => [
    { type: 'flowControl', action: 'pause', id, timestampMs: 1_735_689_600_123 },
    { type: 'flowControl', action: 'resume', timestampMs: 1_735_689_600_123 },
    { type: 'flowControl', action: 'updateCapacity', bufferAvailable: 65_536, timestampMs: 1 },
  ],
  log: (id) => [
    { type: 'log', level: 'warn', message: 'slow – rule', id, fields: { rule: 'r-1' }, timestampMs: 1_735_689_600_123 },
    { type: 'log', level: 'debug', message: 'x', fields: {}, timestampMs: 1 },
  ],
};
