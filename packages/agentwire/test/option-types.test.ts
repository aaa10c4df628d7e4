import {
  allow,
  AgentClientV2,
  AgentClientV2Uds,
  AgentPool,
  AgentwireError,
  defineAgent,
  serveAgent,
  stockTransports,
  V2Transport,
} from 'agentwire';
import { createGrpcTransport } from 'agentwire/transport-grpc';
import { createMemoryTransport } from 'agentwire/transport-memory';
import { BodyQuota, LargeBodyBuffer } from 'agentwire/mmap-buffer';
import { createTcpTransport, createUdsTransport } from 'agentwire/transport-uds';
import { AgentClient } from 'agentwire/v1';
import { acceptProxySession, dialSession, serveSessions } from 'agentwire/session';
import { describe, expect, test } from 'vitest';

/** A value of the wrong type for options of that kind, as YAML, JSON or plain JavaScript would give it. */
const WRONG = {
  boolean: 'no',
  number: '4',
  text: 5,
  list: 'unix:/a',
  function: 1,
  logger: {},
  clock: { now: 1 },
  metrics: { count: () => undefined },
  object: true,
  signal: {},
} as const;
type Kind = keyof typeof WRONG;
type Call = (options: never) => unknown;

const agent = defineAgent({ name: 'a', version: '1', onRequestHeaders: () => allow() });
const listen = ['memory:never'];
const self = { role: 'agent', name: 'a', version: '1', features: [], encodings: [] } as const;
const memory = createMemoryTransport();
const stream: Record<string, Kind> = {
  dialect: 'boolean',
  closeTimeoutMs: 'number',
  clock: 'clock',
  logger: 'logger',
  versionOne: 'object',
};
const tls: Record<string, Kind> = {
  'tls.key': 'text',
  'tls.cert': 'text',
  'tls.ca': 'text',
  'tls.passphrase': 'text',
  'tls.requireClientCertificate': 'boolean',
  tls: 'list',
};
const session: Record<string, Kind> = {
  clock: 'clock',
  logger: 'logger',
  requestTimeoutMs: 'number',
  maxInFlight: 'number',
  keepalive: 'object',
  'keepalive.intervalMs': 'number',
  onNotice: 'function',
  onOutcome: 'function',
  onClose: 'function',
};
const client: Record<string, Kind> = {
  ...session,
  name: 'text',
  version: 'text',
  features: 'list',
  encodings: 'list',
  token: 'text',
  handshakeTimeoutMs: 'number',
  signal: 'signal',
};
const backoff: Record<string, Kind> = { initialMs: 'number', factor: 'number', maxMs: 'number', jitter: 'number' };
const under = (name: string, kinds: Record<string, Kind>): Record<string, Kind> =>
  Object.fromEntries(Object.entries(kinds).map(([key, kind]) => [`${name}.${key}`, kind]));

const TAKERS: readonly [name: string, call: Call, kinds: Record<string, Kind>][] = [
  [
    'AgentPool',
    (options) => new AgentPool(options),
    {
      transports: 'object',
      connectionsPerAgent: 'number',
      loadBalanceStrategy: 'object',
      requestTimeoutMs: 'number',
      connectTimeoutMs: 'number',
      maxConcurrentPerConnection: 'number',
      maxQueuedPerAgent: 'number',
      drainTimeoutMs: 'number',
      correlationAffinityTtlMs: 'number',
      maxCorrelationAffinities: 'number',
      reconnect: 'list',
      ...under('reconnect', backoff),
      name: 'text',
      encodings: 'list',
      clock: 'clock',
      logger: 'logger',
      metrics: 'metrics',
      tracer: 'metrics',
    },
  ],
  ['addAgent', (options) => new AgentPool().addAgent('a', 'unix:/nowhere', options), { onFailure: 'boolean' }],
  [
    'serveAgent',
    (options: object) => serveAgent(agent, { listen, ...options }),
    {
      transports: 'object',
      listen: 'list',
      reverse: 'object',
      'reverse.0.address': 'text',
      'reverse.0.agentId': 'text',
      'reverse.0.token': 'text',
      'reverse.0.connections': 'number',
      'reverse.0.backoff': 'list',
      clock: 'clock',
      logger: 'logger',
      signals: 'boolean',
      drainTimeoutMs: 'number',
      challengeFallback: 'object',
      reportIntervalMs: 'number',
      metrics: 'metrics',
      tracer: 'metrics',
      keepalive: 'object',
      'keepalive.timeoutMs': 'number',
      handshakeTimeoutMs: 'number',
      authorize: 'function',
      busyPoll: 'boolean',
      onRegistered: 'function',
      random: 'function',
    },
  ],
  [
    'defineAgent',
    (options: object) => defineAgent({ name: 'a', version: '1', ...options }),
    {
      name: 'text',
      version: 'text',
      requestBody: 'boolean',
      responseBody: 'boolean',
      maxConcurrentRequests: 'number',
      handlerTimeoutMs: 'number',
      maxBodyBytes: 'number',
      maxTrackedRequests: 'number',
      requestStateTtlMs: 'number',
      onRequestHeaders: 'function',
      onCancel: 'function',
    },
  ],
  ['createUdsTransport', (options) => createUdsTransport(options), { ...stream, mode: 'list' }],
  ['createTcpTransport', (options) => createTcpTransport(options), { ...stream, ...tls, 'tls.serverName': 'text' }],
  [
    'createGrpcTransport',
    (options) => createGrpcTransport(options),
    {
      ...tls,
      'tls.servername': 'text',
      maxMessageBytes: 'number',
      maxStreamsPerSession: 'number',
      maxSessionMemoryMb: 'number',
      maxStreamResets: 'number',
      closeTimeoutMs: 'number',
      clock: 'clock',
      logger: 'logger',
    },
  ],
  [
    'createMemoryTransport',
    (options) => createMemoryTransport(options),
    { ids: 'object', maxMessageBytes: 'number', closeTimeoutMs: 'number', clock: 'clock' },
  ],
  ['stockTransports', (options) => stockTransports(options), tls],
  ['AgentClientV2Uds', (options) => AgentClientV2Uds.connect('/nowhere', options), { ...client, dialect: 'boolean' }],
  ['AgentClientV2', (options) => AgentClientV2.connect('127.0.0.1:1', options), client],
  ['V2Transport', (options) => V2Transport.connect('unix:/nowhere', options), { ...client, tls: 'object' }],
  [
    'AgentClient of version 1',
    (options) => AgentClient.unixSocket('/nowhere', options),
    { timeoutMs: 'number', maxQueued: 'number', agentId: 'text', clock: 'clock', logger: 'logger' },
  ],
  ['acceptProxySession', (options) => acceptProxySession({} as never, options), session],
  [
    'serveSessions',
    (options: object) => serveSessions(memory, 'memory:never', { onEvent: () => ({}) as never }, { self, ...options }),
    {
      self: 'object',
      'self.name': 'text',
      handshakeTimeoutMs: 'number',
      maxPendingHandshakes: 'number',
      maxConnections: 'number',
      authorize: 'function',
      clock: 'clock',
      logger: 'logger',
      maxInFlight: 'number',
      maxQueuedPerRequest: 'number',
      maxRetained: 'number',
      requestStateTtlMs: 'number',
      keepalive: 'object',
    },
  ],
  [
    'dialSession',
    (options: object) => dialSession(memory, 'memory:never', { onEvent: () => ({}) as never }, { self, ...options }),
    { self: 'object', handshakeTimeoutMs: 'number', signal: 'signal', keepalive: 'object', logger: 'logger' },
  ],
  [
    'LargeBodyBuffer',
    (options) => new LargeBodyBuffer(options),
    { mmapThreshold: 'number', maxBodySize: 'number', tempDir: 'object', quota: 'object', backing: 'object' },
  ],
  ['BodyQuota', (options) => new BodyQuota(options), { maxBytes: 'number' }],
];

/** `{ a: { b: value } }` for `a.b`; a number makes a list. */
function nest(path: string, value: unknown): object {
  const [key = '', ...rest] = path.split('.');
  const inner = rest.length === 0 ? value : nest(rest.join('.'), value);
  return key === '0' ? [inner] : { [key]: inner };
}

async function failureOf(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    return error;
  }
}

describe.each(TAKERS)('%s', (_name, call, kinds) => {
  test.each(Object.entries(kinds))('refuses %s of another type than %s', async (path, kind) => {
    const error = await failureOf(() => call(nest(path, WRONG[kind]) as never));
    expect(error).toBeInstanceOf(AgentwireError);
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    expect((error as Error).message).toContain(path.split('.').findLast((part) => part !== '0'));
  });

  test.each([
    ['an unknown key', { nonsense: 1 }, '"nonsense"'],
    ['no object', 'yes', 'object'],
    ['null', null, 'object'],
  ])('refuses %s', async (_what, options, words) => {
    const error = await failureOf(() => call(options as never));
    // those that spread what they are given meet no text and no null
    if (options === null || typeof options === 'string') {
      if (call.toString().includes('...options')) return;
    } else if (_name === 'serveSessions' || _name === 'dialSession') return;
    expect(error).toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    expect((error as Error).message).toContain(words);
  });
});

test('an object that is no keys and certificates is not "with TLS" for addGrpcAgent', async () => {
  await using pool = new AgentPool();
  const error = await failureOf(() => pool.addGrpcAgent('a', '127.0.0.1:1', { onFailure: 'open' } as never));
  expect(error).toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringContaining('serverName'),
  });
  expect(pool.has('a')).toBe(false);
});

test('a socket path that no system takes is refused when its agent is added', async () => {
  await using pool = new AgentPool();
  const path = `/tmp/${'x'.repeat(103)}`;
  for (const add of [() => pool.addUdsAgent('a', path), () => pool.addAgent('a', `unix:${path}`)])
    expect(await failureOf(add)).toMatchObject({
      code: 'ERR_INVALID_ADDRESS',
      message: expect.stringContaining('107'),
    });
  expect(pool.has('a')).toBe(false);
});

test('options that are undefined have their defaults', async () => {
  await using pool = new AgentPool({ requestTimeoutMs: undefined, name: undefined });
  expect(pool.stats).toEqual({ agents: [] });
});
