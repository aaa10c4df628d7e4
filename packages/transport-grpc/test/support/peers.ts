import type {
  Answer,
  CloseReason,
  Connection,
  ConnectionHandler,
  Hello,
  Message,
  Received,
  RequestHeaders,
} from '@agentwire/core';
import { FEATURES } from '@agentwire/core';

/** A proxy with every feature. */
export const PROXY: Hello = { role: 'proxy', name: 'proxy', version: '1.0.0', features: FEATURES, encodings: ['json'] };

/** An agent with every feature. */
export const AGENT: Hello = {
  role: 'agent',
  name: 'waf',
  version: '2.0.0',
  features: FEATURES,
  encodings: ['json'],
  capabilities: {
    agentId: 'waf-1',
    events: ['requestHeaders', 'requestBodyChunk', 'responseHeaders', 'responseBodyChunk', 'configure'],
    streaming: true,
    cancellation: true,
    flowControl: true,
    healthReporting: true,
    metricsExport: true,
    configPush: true,
    maxConcurrentRequests: 100,
    maxBodyBytes: 1_000_000,
    preferredChunkBytes: 65_536,
  },
};

/** A handler that keeps what it is told, and lets a test wait for it. */
export class Recorder implements ConnectionHandler {
  readonly messages: Received[] = [];
  readonly ends: CloseReason[] = [];
  drains = 0;
  connection: Connection | undefined;
  onReceived: ((message: Received, connection: Connection) => void) | undefined;
  onPeerEnd?: () => void;
  #waiters: { check: () => boolean; resolve: () => void }[] = [];

  readonly attach = (connection: Connection): ConnectionHandler => {
    this.connection = connection;
    this.#wake();
    return this;
  };

  onMessage(message: Received): void {
    this.messages.push(message);
    if (this.connection !== undefined) this.onReceived?.(message, this.connection);
    this.#wake();
  }

  onDrain(): void {
    this.drains += 1;
    this.#wake();
  }

  onClose(reason: CloseReason): void {
    this.ends.push(reason);
    this.#wake();
  }

  #wake(): void {
    this.#waiters = this.#waiters.filter(({ check, resolve }) => {
      if (!check()) return true;
      resolve();
      return false;
    });
  }

  /** Resolves once `check` holds; looked at after every callback. */
  until(check: () => boolean): Promise<void> {
    if (check()) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ check, resolve }));
  }

  async received(count: number): Promise<readonly Received[]> {
    await this.until(() => this.messages.length >= count);
    return this.messages;
  }

  async ended(): Promise<CloseReason> {
    await this.until(() => this.ends.length > 0);
    return this.ends[0] as CloseReason;
  }
}

/** Answers every event with an allow. */
export function allowAll(message: Received, connection: Connection): void {
  if (message.type === 'malformed' || !('id' in message) || message.type === 'cancel') return;
  connection.send({
    type: 'answer',
    id: message.id as string,
    decision: { verdict: { type: 'allow' } },
  } satisfies Answer);
}

/** A RequestHeaders event. */
export function requestHeaders(id: string, extra: Partial<RequestHeaders> = {}): RequestHeaders {
  return {
    type: 'requestHeaders',
    id,
    metadata: {
      correlationId: id,
      requestId: 'r-1',
      clientIp: '192.0.2.1',
      clientPort: 4711,
      serverName: 'example.com',
      protocol: 'HTTP/1.1',
      tlsVersion: 'TLSv1.3',
      routeId: 'api',
      upstreamId: 'backend',
      timestamp: '2025-06-01T12:30:45.123Z',
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    },
    method: 'GET',
    uri: '/a?b=c',
    headers: ['Host', 'example.com', 'Accept', '*/*', 'X-Two', '1', 'X-Two', '2'],
    hasBody: false,
    ...extra,
  };
}

/** One of every message that a proxy can send to an agentwire agent. */
export const PROXY_MESSAGES: readonly Message[] = [
  requestHeaders('p-1'),
  {
    type: 'requestBodyChunk',
    id: 'p-1',
    index: 0,
    data: Uint8Array.of(1, 2, 3),
    last: false,
    totalSize: 10,
    bytesTransferred: 3,
  },
  { type: 'responseHeaders', id: 'p-1', status: 404, headers: ['ETag', '"x"'], hasBody: false },
  { type: 'responseBodyChunk', id: 'p-1', index: 7, data: new Uint8Array(), last: true },
  {
    type: 'requestComplete',
    id: 'p-1',
    status: 200,
    durationMs: 12,
    requestBodySize: 3,
    responseBodySize: 4,
    upstreamAttempts: 2,
    error: 'late',
  },
  {
    type: 'webSocketFrame',
    id: 'p-1',
    opcode: 'continuation',
    data: Uint8Array.of(9),
    clientToServer: true,
    index: 3,
    fin: false,
    routeId: 'ws',
    clientIp: '192.0.2.1',
  },
  {
    type: 'guardrailInspect',
    id: 'p-1',
    inspectionType: 'pii_detection',
    content: 'grüße',
    model: 'm',
    categories: ['a', 'b'],
    routeId: 'r',
    metadata: { k: 'v' },
  },
  { type: 'configure', id: 'p-2', config: { a: [1, null, 'x'] }, configVersion: '7' },
  { type: 'cancel', id: 'p-1', reason: 'timeout', timestampMs: 5 },
  { type: 'cancelAll', reason: 'over' },
  { type: 'drain', reason: 'because', durationMs: 100 },
  { type: 'shutdown', reason: 'upgrade', durationMs: 200 },
  { type: 'configUpdateResponse', requestId: 'u-1', accepted: false, error: 'no', timestampMs: 1 },
  { type: 'ping', sequence: 1, timestampMs: 2 },
  { type: 'pong', sequence: 3, timestampMs: 4 },
];

/** One of every message that an agent can send to an agentwire proxy. */
export const AGENT_MESSAGES: readonly Message[] = [
  { type: 'answer', id: 'p-1', decision: { verdict: { type: 'allow' } } },
  {
    type: 'answer',
    id: 'p-1',
    decision: {
      verdict: { type: 'block', status: 403, body: 'no', headers: ['X-Why', 'rule'] },
      requestHeaders: [
        { op: 'set', name: 'X-A', value: '1' },
        { op: 'add', name: 'X-B', value: '2' },
        { op: 'remove', name: 'X-C' },
      ],
      responseHeaders: [{ op: 'set', name: 'X-D', value: '' }],
      audit: {
        tags: ['t'],
        ruleIds: ['r'],
        confidence: 0.5,
        reasonCodes: ['c'],
        custom: { n: 1, s: 'x', o: { a: [] } },
      },
      needsMore: true,
      requestBodyMutation: { index: 1, data: null },
      responseBodyMutation: { index: 2, data: Uint8Array.of(1) },
      routingMetadata: { pool: 'b' },
      webSocket: { type: 'close', code: 1008, reason: 'bad' },
    },
  },
  { type: 'answer', id: 'p-1', decision: { verdict: { type: 'redirect', url: 'https://example.com/', status: 302 } } },
  {
    type: 'answer',
    id: 'p-1',
    decision: {
      verdict: { type: 'challenge', challengeType: 'captcha', params: { site: 'k' } },
      webSocket: { type: 'drop' },
    },
  },
  {
    type: 'answer',
    id: 'p-1',
    decision: { verdict: { type: 'block', status: 500 }, error: { code: 'ERR_HANDLER', message: 'oops' } },
  },
  {
    type: 'healthStatus',
    agentId: 'waf-1',
    state: 'degraded',
    message: 'slow',
    load: {
      inFlight: 1,
      queueDepth: 2,
      averageLatencyMs: 0.5,
      p50LatencyMs: 1,
      p95LatencyMs: 2,
      p99LatencyMs: 4,
      requestsProcessed: 100,
      requestsRejected: 3,
      requestsTimedOut: 4,
    },
    resources: {
      cpuPercent: 12.5,
      memoryBytes: 1e9,
      memoryLimit: 2e9,
      activeThreads: 4,
      openFds: 10,
      fdLimit: 1024,
      connections: 2,
    },
    validUntilMs: 9,
    timestampMs: 8,
    disabledFeatures: ['x'],
    timeoutMultiplier: 1.5,
    drainEtaMs: 3,
    unhealthyReason: 'db',
    recoverable: true,
  },
  {
    type: 'metricsReport',
    agentId: 'waf-1',
    timestampMs: 1,
    intervalMs: 2,
    counters: [{ name: 'c', help: 'h', labels: { a: 'b' }, value: 3 }],
    gauges: [{ name: 'g', labels: {}, value: -1.5 }],
    histograms: [
      {
        name: 'h',
        labels: {},
        sum: 1.5,
        count: 2,
        buckets: [
          { le: 1, count: 1 },
          { le: Infinity, count: 2 },
        ],
      },
    ],
  },
  { type: 'configUpdateRequest', requestId: 'u-0', update: { type: 'requestReload' }, timestampMs: 1 },
  {
    type: 'configUpdateRequest',
    requestId: 'u-1',
    update: {
      type: 'ruleUpdate',
      ruleSet: 's',
      rules: [{ id: 'r', priority: -1, definition: { x: 1 }, enabled: true, description: 'd', tags: ['t'] }],
      removeRules: ['q'],
    },
    timestampMs: 1,
  },
  {
    type: 'configUpdateRequest',
    requestId: 'u-2',
    update: { type: 'listUpdate', listId: 'l', add: ['a'], remove: [] },
    timestampMs: 1,
  },
  {
    type: 'configUpdateRequest',
    requestId: 'u-3',
    update: { type: 'restartRequired', reason: 'r', gracePeriodMs: 5 },
    timestampMs: 1,
  },
  {
    type: 'configUpdateRequest',
    requestId: 'u-4',
    update: { type: 'configError', error: 'e', field: 'f' },
    timestampMs: 1,
  },
  { type: 'flowControl', action: 'pause', id: 'p-1', bufferAvailable: 0, timestampMs: 4 },
  { type: 'flowControl', action: 'resume' },
  { type: 'log', level: 'warn', message: 'm', id: 'p-1', fields: { a: 'b' }, timestampMs: 3 },
  { type: 'ping', sequence: 1, timestampMs: 2 },
  { type: 'pong', sequence: 3, timestampMs: 4 },
  { type: 'drain', reason: 'maintenance', durationMs: 5 },
  { type: 'shutdown', reason: 'in words', durationMs: 6 },
];
