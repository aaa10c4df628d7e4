import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allow, block, defineAgent, serveAgent } from '@agentwire/agent';
import {
  type Connection,
  type ConnectionHandler,
  DEFAULT_CAPABILITIES,
  type Hello,
  type RequestHeaders,
  type Transport,
} from '@agentwire/core';
import { createManualClock } from '@agentwire/core/testing';
import { AgentPool } from '@agentwire/pool';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { createTcpTransport, createUdsTransport } from '@agentwire/transport-uds';
import { createWebSocketTransport } from '@agentwire/transport-websocket';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { certificates } from '../../transport-uds/test/certificates/certificates.ts';
import { idMatcher } from '../src/id-pattern.ts';
import { type ReverseConnectionConfig, ReverseConnectionListener } from '../src/index.ts';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const head = (uri: string): RequestHeaders =>
  ({ type: 'requestHeaders', id: uri, method: 'GET', uri, headers: [] }) as never;
const waf = defineAgent({
  name: 'waf',
  version: '1',
  onRequestHeaders: ({ uri }) => (uri.includes('..') ? block(403) : allow()),
});

function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'agentwire-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'agents.sock');
}

async function bound(address: string, config: ReverseConnectionConfig): Promise<ReverseConnectionListener> {
  const listener = await ReverseConnectionListener.bind(address, config);
  onTestFinished(() => listener.close());
  return listener;
}

function pooled(): AgentPool {
  const pool = new AgentPool({ transports: [] });
  onTestFinished(() => pool.close());
  return pool;
}

const hello = (agentId: string, token?: string): Hello => ({
  role: 'agent',
  name: agentId,
  version: '1',
  features: [],
  encodings: ['json'],
  capabilities: { ...DEFAULT_CAPABILITIES, agentId },
  token,
});

/** Registers as a bare agent. @returns the connection, and a promise of its end */
async function register(
  transport: Transport,
  address: string,
  self: Hello,
): Promise<{ readonly connection: Connection; readonly ended: Promise<void> }> {
  const ended = Promise.withResolvers<void>();
  const handler: ConnectionHandler = { onMessage: () => undefined, onClose: () => ended.resolve() };
  const connection = await transport.connect(address, { self, onConnection: () => handler });
  onTestFinished(() => connection.abort());
  return { connection, ended: ended.promise };
}

describe('a pool behind the listener', () => {
  test.each(['unix', 'tcp', 'tls', 'ws'] as const)(
    'asks agents that connected by themselves over %s',
    async (scheme) => {
      const pool = pooled();
      const transports = [createUdsTransport(), createTcpTransport({ tls: certificates }), createWebSocketTransport()];
      const config = { transports, tokens: { 'waf-*': ['old', 'new'] } };
      const bind = {
        unix: () => ReverseConnectionListener.bindUds(socketPath(), config),
        tcp: () => ReverseConnectionListener.bindTcp('127.0.0.1:0', config),
        tls: () => ReverseConnectionListener.bindTcp('tls://127.0.0.1:0', config),
        ws: () => ReverseConnectionListener.bind('ws://127.0.0.1:0/agents', config),
      };
      const listener = await bind[scheme]();
      const loop = listener.acceptLoop(pool);
      const registered = Promise.withResolvers<string>();
      const server = await serveAgent(waf, {
        transports,
        reverse: [{ address: listener.address, agentId: 'waf-1', token: 'new', connections: 2 }],
        onRegistered: registered.resolve,
      });
      onTestFinished(() => server.close());
      await registered.promise;
      expect((await pool.decide('waf-1', head('/'))).verdict).toMatchObject({ type: 'allow' });
      expect((await pool.decide('waf-1', head('/..'))).verdict).toMatchObject({ type: 'block', status: 403 });
      await vi.waitUntil(() => listener.connectionsByAgent.get('waf-1') === 2);
      await listener.close();
      await loop;
      // connections that were handed over live on
      expect((await pool.decide('waf-1', head('/again'))).verdict).toMatchObject({ type: 'allow' });
      await server.close();
      await vi.waitUntil(() => listener.connectionsByAgent.size === 0);
    },
  );

  test('gets its agents back when it starts again, and so does each of several proxies', async () => {
    const transports = [createUdsTransport()];
    const paths = [socketPath(), socketPath()] as const;
    const start = async (path: string): Promise<{ end(): Promise<void>; count(): number }> => {
      const pool = new AgentPool({ transports: [] });
      const listener = await bound(`unix:${path}`, { transports });
      void listener.acceptLoop(pool);
      return {
        end: async () => {
          await listener.close();
          await pool.close();
        },
        count: () => listener.connectionsByAgent.get('waf') ?? 0,
      };
    };
    const first = await start(paths[0]);
    const second = await start(paths[1]);
    onTestFinished(() => second.end());
    const registered: string[] = [];
    const server = await serveAgent(waf, {
      transports,
      reverse: paths.map((path) => ({ address: `unix:${path}`, connections: 3, backoff: { initialMs: 1, maxMs: 5 } })),
      onRegistered: (address) => registered.push(address),
    });
    onTestFinished(() => server.close());
    await vi.waitUntil(() => first.count() === 3 && second.count() === 3);
    await first.end();
    expect(second.count()).toBe(3);
    const again = await start(paths[0]);
    onTestFinished(() => again.end());
    await vi.waitUntil(() => again.count() === 3);
    expect([second.count(), registered.length]).toEqual([3, 2]);
  });

  test('is asked before the agent is told: a name that the pool dials is refused with the reason', async () => {
    const memory = createMemoryTransport();
    const pool = new AgentPool({ transports: [memory], connectionsPerAgent: 1 });
    onTestFinished(() => pool.close());
    const own = await serveAgent(waf, { transports: [memory], listen: ['memory:waf'] });
    onTestFinished(() => own.close());
    await pool.addAgent('waf', 'memory:waf');
    const listener = await bound('memory:agents', { transports: [memory] });
    void listener.acceptLoop(pool);
    await expect(register(memory, 'memory:agents', hello('waf'))).rejects.toMatchObject({
      code: 'ERR_DUPLICATE_AGENT',
    });
    expect(listener.connectionsByAgent.size).toBe(0);
  });
});

describe('accept', () => {
  test('gives connections with their registration, to be handed over later', async () => {
    const transport = createUdsTransport();
    const listener = await bound(`unix:${socketPath()}`, { transports: [transport] });
    const server = await serveAgent(waf, {
      transports: [transport],
      reverse: [{ address: listener.address, agentId: 'waf-7', connections: 1 }],
    });
    onTestFinished(() => server.close());
    const [client, registration] = await listener.accept();
    expect(registration).toMatchObject({ agentId: 'waf-7', name: 'waf', version: '1' });
    const pool = pooled();
    pool.addReverseConnection('waf', client, registration.capabilities);
    expect(() => client.handOver(() => undefined as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_STATE' }),
    );
    expect((await pool.decide('waf', head('/..'))).verdict).toMatchObject({ type: 'block' });
  });

  test('forgets an agent that left before, and frees its slot', async () => {
    const transport = createUdsTransport();
    const listener = await bound(`unix:${socketPath()}`, { transports: [transport], maxConnectionsPerAgent: 1 });
    const first = await register(transport, listener.address, hello('a'));
    await vi.waitUntil(() => listener.connectionsByAgent.get('a') === 1);
    first.connection.abort();
    await vi.waitUntil(() => listener.connectionsByAgent.size === 0);
    await register(transport, listener.address, hello('b'));
    const [, registration] = await listener.accept();
    expect(registration.agentId).toBe('b');
  });

  test('tells the handler at once when the agent left between accept and hand-over', async () => {
    const transport = createUdsTransport();
    const listener = await bound(`unix:${socketPath()}`, { transports: [transport] });
    const { connection } = await register(transport, listener.address, hello('a'));
    const [client] = await listener.accept();
    connection.abort();
    await vi.waitUntil(() => client.gone);
    const onClose = vi.fn();
    client.handOver(() => ({ onMessage: () => undefined, onClose }));
    expect(onClose).toHaveBeenCalledTimes(1);
  });

  test('ends with the listener or its signal; the backlog is bounded', async () => {
    const memory = createMemoryTransport();
    const listener = await bound('memory:agents', { transports: [memory], backlog: 1 });
    await register(memory, 'memory:agents', hello('a'));
    await expect(register(memory, 'memory:agents', hello('b'))).rejects.toThrow(
      /1 registered connections wait already/,
    );
    await listener.accept();
    const controller = new AbortController();
    const aborted = listener.accept({ signal: controller.signal });
    controller.abort();
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    const closed = listener.accept();
    const closing = listener.close();
    await expect(closed).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await closing;
    await expect(listener.accept()).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  test('connections that waited are handed over when the loop starts', async () => {
    const memory = createMemoryTransport();
    const listener = await bound('memory:agents', { transports: [memory] });
    const server = await serveAgent(waf, {
      transports: [memory],
      reverse: [{ address: 'memory:agents', agentId: 'waf', connections: 3 }],
    });
    onTestFinished(() => server.close());
    await vi.waitUntil(() => listener.connectionsByAgent.get('waf') === 3);
    const pool = pooled();
    void listener.acceptLoop(pool);
    expect((await pool.decide('waf', head('/..'))).verdict).toMatchObject({ type: 'block' });
    await expect(listener.accept()).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
    await expect(listener.acceptLoop(pool)).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
  });
});

describe('who may register', () => {
  const tokens = { 'waf-1': ['right', 'next'], 'scan-*': 'scanner' };
  const verifyToken = async (id: string, token: string): Promise<boolean> => Promise.resolve(token === `jwt-${id}`);

  test.each([
    ['the token of the id', 'waf-1', 'right'],
    ['a second token, for rotation', 'waf-1', 'next'],
    ['the token of a pattern', 'scan-eu', 'scanner'],
    ['a token that is verified', 'waf-1', 'jwt-waf-1'],
  ])('%s is accepted', async (_, id, token) => {
    const memory = createMemoryTransport();
    const listener = await bound('memory:agents', {
      transports: [memory],
      tokens,
      verifyToken,
      allowedAgents: ['waf-1', 'scan-*'],
    });
    await register(memory, 'memory:agents', hello(id, token));
    expect(listener.connectionsByAgent.get(id)).toBe(1);
  });

  test('each wrong registration gets the same answer after the same time', async () => {
    const clock = createManualClock();
    const answers = new Set<string>();
    for (const [id, token] of [
      ['waf-1', 'wrong'],
      ['waf-1', undefined],
      ['waf-1', 'scanner'],
      ['scan-eu', 'right'],
      ['other', 'right'],
      ['other', 'jwt-other'],
      ['other', undefined],
    ] as const) {
      const memory = createMemoryTransport({ clock });
      const warn = vi.fn();
      const listener = await bound(`memory:agents`, {
        transports: [memory],
        tokens,
        verifyToken,
        allowedAgents: ['waf-1', 'scan-*'],
        clock,
        logger: { ...silent, warn },
      });
      let answer: string | undefined;
      const attempt = register(memory, 'memory:agents', hello(id, token)).catch((error: Error & { code: string }) => {
        answer = `${error.code} ${error.message}`;
      });
      // everything that can be done without time has been done when the log line is there
      await vi.waitUntil(() => warn.mock.calls.length === 1);
      clock.advance(99);
      await Promise.resolve();
      expect(answer).toBeUndefined();
      clock.advance(1);
      await attempt;
      answers.add(answer ?? '');
      expect(JSON.stringify(warn.mock.calls)).not.toMatch(/right|wrong|scanner|jwt/);
      await listener.close();
    }
    expect([...answers]).toHaveLength(1);
    expect([...answers][0]).toMatch(/^ERR_REFUSED|^ERR_UNAUTHORIZED/);
  });

  test('refusals of one address take longer each time, up to half of the handshake timeout; a valid one never waits', async () => {
    const clock = createManualClock();
    const memory = createMemoryTransport({ clock });
    const warn = vi.fn();
    const listener = await bound('memory:agents', { transports: [memory], tokens, clock, logger: { ...silent, warn } });
    const took: number[] = [];
    for (let at = 0; at < 8; at++) {
      const state = { over: false };
      const since = clock.now();
      const attempt = register(memory, 'memory:agents', hello('waf-1', 'wrong')).catch(() => (state.over = true));
      await new Promise(setImmediate);
      while (!state.over) {
        clock.advance(50);
        await new Promise(setImmediate);
      }
      await attempt;
      took.push(clock.now() - since);
    }
    expect(took).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    const refused = register(memory, 'memory:agents', hello('waf-1', 'wrong')).catch(() => undefined);
    await register(memory, 'memory:agents', hello('waf-1', 'right'));
    expect(listener.connectionCount).toBe(1);
    clock.advance(60_000);
    await refused;
  });

  test('refused ones that are held occupy no pending handshake, so they do not push out each other', async () => {
    const clock = createManualClock();
    const transport = createUdsTransport({ clock });
    const warn = vi.fn();
    const config = { transports: [transport], tokens, clock, maxPendingHandshakes: 1, logger: { ...silent, warn } };
    const listener = await bound(`unix:${socketPath()}`, config);
    const codes: string[] = [];
    const attempts: Promise<unknown>[] = [];
    for (let at = 0; at < 20; at++) {
      attempts.push(
        register(transport, listener.address, hello(`waf-1${at}`, 'wrong')).catch((error: { code: string }) => {
          codes.push(error.code);
        }),
      );
      await vi.waitUntil(() => warn.mock.calls.length > at);
    }
    await register(transport, listener.address, hello('waf-1', 'right'));
    while (codes.length < 20) {
      clock.advance(50);
      await new Promise(setImmediate);
    }
    await Promise.all(attempts);
    expect(new Set(codes)).toEqual(new Set(['ERR_UNAUTHORIZED']));
    expect(listener.connectionCount).toBe(1);
  });

  test('a valid agent gets in while others fill the pending handshakes', async () => {
    const transport = createTcpTransport();
    const listener = await bound('tcp://127.0.0.1:0', { transports: [transport], tokens, maxPendingHandshakes: 8 });
    const port = Number(/:(\d+)$/.exec(listener.address)?.[1]);
    const idle = Array.from({ length: 32 }, () => connectSocket(port, '127.0.0.1').on('error', () => undefined));
    onTestFinished(() => idle.forEach((socket) => socket.destroy()));
    await Promise.all(idle.map((socket) => once(socket, 'connect')));
    const refused = Array.from({ length: 32 }, () =>
      register(transport, listener.address, hello('waf-1', 'wrong')).then(
        () => 'in',
        () => 'refused',
      ),
    );
    await register(transport, listener.address, hello('waf-1', 'right'));
    expect(new Set(await Promise.all(refused))).toEqual(new Set(['refused']));
    expect(listener.connectionCount).toBe(1);
  });

  test('an id with control characters is refused, whatever pattern allows it', async () => {
    const memory = createMemoryTransport();
    await bound('memory:agents', { transports: [memory], allowedAgents: ['waf-*'], refusalDelayMs: 0 });
    await expect(register(memory, 'memory:agents', hello('waf-\n1'))).rejects.toThrow(/may not register here/);
  });

  test('connections of one agent are limited, with the reason', async () => {
    const memory = createMemoryTransport();
    const listener = await bound('memory:agents', { transports: [memory], maxConnectionsPerAgent: 2 });
    const one = await register(memory, 'memory:agents', hello('a'));
    await register(memory, 'memory:agents', hello('a'));
    await expect(register(memory, 'memory:agents', hello('a'))).rejects.toThrow(
      /agent "a" has 2 connections, the limit is 2/,
    );
    await register(memory, 'memory:agents', hello('b'));
    one.connection.abort();
    await vi.waitUntil(() => listener.connectionsByAgent.get('a') === 1);
    await register(memory, 'memory:agents', hello('a'));
  });

  test.each([
    ['a throw', () => Promise.reject(new Error('secret jwt library message'))],
    ['an object', () => Promise.resolve({ ok: true } as never)],
    ['nothing', () => undefined as never],
  ])('%s of verifyToken refuses', async (_, verify) => {
    const memory = createMemoryTransport();
    await bound('memory:agents', { transports: [memory], verifyToken: verify, refusalDelayMs: 0 });
    const attempt = register(memory, 'memory:agents', hello('a', 'x'));
    await expect(attempt).rejects.toThrow(/may not register here/);
    await expect(attempt).rejects.not.toThrow(/jwt/);
  });
});

describe('wrong use', () => {
  const transports = [createUdsTransport(), createTcpTransport()];

  test.each([
    ['tcp://127.0.0.1:0', {}, /needs tokens or verifyToken/],
    ['tls://127.0.0.1:0', {}, /needs tokens or verifyToken/],
    ['tcp://127.0.0.1:0', { tokens: { a: 'b' }, requireAuth: false }, /cannot be false on tcp/],
    ['unix:/tmp/never', { requireAuth: true }, /requireAuth needs tokens/],
    ['unix:/tmp/never', { tokens: { a: 'has space' } }, /tokens must have ids with tokens/],
    ['unix:/tmp/never', { tokens: { a: [], b: '' } }, /tokens must have ids with tokens/],
    ['unix:/tmp/never', { allowedAgents: 'a' }, /allowedAgents/],
    ['unix:/tmp/never', { maxConnectionsPerAgent: 0 }, /maxConnectionsPerAgent/],
    ['unix:/tmp/never', { token: 'x' }, /token/],
    [
      'grpc://127.0.0.1:0',
      { tokens: { a: 'b' } },
      /cannot register over grpc: the transports that were given serve unix, tcp, tls/,
    ],
  ])('%s with %j', async (address, config, message) => {
    const attempt = ReverseConnectionListener.bind(address, { transports, ...config } as never);
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_INVALID_/) });
  });
});

test('patterns of ids match as regular expressions would', () => {
  const letter = fc.constantFrom('a', 'b', '*', '-');
  fc.assert(
    fc.property(
      fc.array(letter, { maxLength: 8 }),
      fc.array(fc.constantFrom('a', 'b', '-'), { maxLength: 12 }),
      (pattern, id) => {
        const model = new RegExp(`^${pattern.join('').replaceAll('*', '.*')}$`);
        expect(idMatcher([pattern.join('')])(id.join(''))).toBe(model.test(id.join('')));
      },
    ),
    { numRuns: 2_000 },
  );
});
