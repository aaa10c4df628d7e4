import type { Hello, Transport } from '@agentwire/core';
import { AgentwireError } from '@agentwire/core';
import { acceptProxySession, connectSession, type AgentNotice, type ProxySession } from '@agentwire/core/session';
import { createManualClock } from '@agentwire/core/testing';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { afterEach, describe, expect, test } from 'vitest';
import {
  allow,
  defineAgent,
  serveAgent,
  type Agent,
  type AgentServer,
  type ServeAgentOptions,
} from '../../src/index.ts';
import { head, settled } from '../events.ts';

const PROXY: Hello = {
  role: 'proxy',
  name: 'proxy',
  version: '1',
  features: ['errors', 'slot_ids', 'lifecycle', 'health', 'metrics', 'flow_control'],
  encodings: ['json'],
};
const servers: AgentServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(agent: Agent, options: ServeAgentOptions): Promise<AgentServer> {
  const server = await serveAgent(agent, options);
  servers.push(server);
  return server;
}

const plain = defineAgent({ name: 'plain', version: '1', onRequestHeaders: () => allow().withTag('plain') });
const { id: _, ...HEAD } = head(1, { hasBody: false });

describe('serveAgent', () => {
  test('refuses a plain object and names defineAgent', async () => {
    const object = { name: 'waf', version: '1', onRequestHeaders: () => allow() };
    const options = { transports: [createMemoryTransport()], listen: ['memory:waf'] };
    await expect(serve(object as never, options)).rejects.toThrow('not an agent: wrap it in defineAgent({ … })');
  });

  test('serves any number of addresses at once, until it is closed', async () => {
    const transport = createMemoryTransport();
    const server = await serve(plain, { transports: [transport], listen: ['memory:one', 'memory:two'] });
    expect(server.endpoints).toEqual(['memory:one', 'memory:two']);
    const sessions = await Promise.all(
      server.endpoints.map((endpoint) => connectSession(transport, endpoint, { self: PROXY })),
    );
    for (const session of sessions) expect((await session.request(HEAD)).audit?.tags).toEqual(['plain']);
    expect(server.stats).toMatchObject({
      connections: 2,
      events: 2,
      decisions: { allow: 2 },
      running: 0,
      draining: false,
    });
    await Promise.all([server.close(), server.close(), server[Symbol.asyncDispose]()]);
    expect(sessions.map((session) => session.connection.status)).toEqual(['closed', 'closed']);
    await expect(connectSession(transport, 'memory:one', { self: PROXY })).rejects.toMatchObject({
      code: 'ERR_CONNECT',
    });
  });

  test('lists the available schemes for an unknown one, before it binds anything', async () => {
    const transport = createMemoryTransport();
    const failure = serveAgent(plain, { transports: [transport], listen: ['memory:a', 'grpc://127.0.0.1:0'] });
    await expect(failure).rejects.toMatchObject({
      code: 'ERR_INVALID_ADDRESS',
      message: expect.stringContaining('memory') as string,
    });
    const reverse = serveAgent(plain, {
      transports: [transport],
      listen: ['memory:a'],
      reverse: [{ address: 'tls://a:1' }],
    });
    await expect(reverse).rejects.toMatchObject({ code: 'ERR_INVALID_ADDRESS' });
    await serve(plain, { transports: [transport], listen: ['memory:a'] });
  });

  test('closes every listener when one address cannot be bound', async () => {
    const transport = createMemoryTransport();
    await serve(plain, { transports: [transport], listen: ['memory:taken'] });
    const failure = serveAgent(plain, { transports: [transport], listen: ['memory:free', 'memory:taken'] });
    await expect(failure).rejects.toMatchObject({ code: 'ERR_CONNECT' });
    await serve(plain, { transports: [transport], listen: ['memory:free'] });
  });

  test('names an unknown option and a wrong value', async () => {
    const transports = [createMemoryTransport()];
    await expect(serveAgent(plain, { transports, adress: 'x' } as never)).rejects.toThrow('has no option "adress"');
    await expect(serveAgent(plain, { transports })).rejects.toThrow('needs an address');
    const reverse = [{ address: 'memory:x', connections: 0 }];
    await expect(serveAgent(plain, { transports, reverse })).rejects.toThrow(
      'reverse[0].connections must be an integer from 1',
    );
  });

  test('refuses proxies that authorize rejects', async () => {
    const transport = createMemoryTransport();
    const authorize = (peer: Hello): void => {
      if (peer.name === 'proxy') throw new AgentwireError('ERR_UNAUTHORIZED', 'not you');
    };
    await serve(plain, { transports: [transport], listen: ['memory:a'], authorize });
    await expect(connectSession(transport, 'memory:a', { self: PROXY })).rejects.toMatchObject({
      message: expect.stringContaining('not you') as string,
    });
  });
});

describe('reverse connections', () => {
  async function listenForAgents(
    transport: Transport,
  ): Promise<{ sessions: ProxySession[]; hellos: Hello[]; close(): Promise<void> }> {
    const sessions: ProxySession[] = [];
    const hellos: Hello[] = [];
    const listener = await transport.listen('memory:proxy', {
      self: PROXY,
      onConnection(connection) {
        const session = acceptProxySession(connection, { keepalive: false });
        sessions.push(session);
        hellos.push(connection.peer);
        return session;
      },
    });
    return { sessions, hellos, close: () => listener.close() };
  }

  test('are kept open, and reopened without a limit of attempts', async () => {
    const clock = createManualClock();
    const transport = createMemoryTransport();
    const proxy = await listenForAgents(transport);
    const registered: string[] = [];
    const warnings: string[] = [];
    const quiet = (): void => undefined;
    const warn = (_fields: object, message: string): void => void warnings.push(message);
    const server = await serve(plain, {
      transports: [transport],
      reverse: [{ address: 'memory:proxy', agentId: 'plain-1', token: 'secret', connections: 2 }],
      clock,
      keepalive: false,
      logger: { debug: quiet, info: quiet, warn, error: quiet },
      random: () => 0.5,
      onRegistered: (address) => {
        registered.push(address);
        throw new Error('what a listener throws changes nothing');
      },
    });
    await settled();
    expect(proxy.sessions).toHaveLength(2);
    expect(registered).toEqual(['memory:proxy']);
    expect(proxy.hellos[0]).toMatchObject({ name: 'plain', capabilities: { agentId: 'plain-1' } });
    expect((await proxy.sessions[1]?.request(HEAD))?.audit?.tags).toEqual(['plain']);
    await proxy.close();
    for (const session of proxy.sessions) session.connection.abort();
    await settled();
    expect(server.stats.connections).toBe(0);
    for (let i = 0; i < 20; i++) {
      clock.advance(30_000);
      await settled();
    }
    const again = await listenForAgents(transport);
    clock.advance(30_000);
    await settled();
    expect(again.sessions).toHaveLength(2);
    expect(registered).toHaveLength(1);
    expect(warnings.at(-1)).toBe('registered with the proxy again');
    expect(warnings.filter((line) => line.startsWith('registered'))).toHaveLength(1);
    await expect(server.drain({ timeoutMs: Number.NaN })).rejects.toThrow(/timeoutMs must be a number/);
    await server.close();
    expect(again.sessions.map((session) => session.connection.status)).toEqual(['closed', 'closed']);
    await again.close();
  });
});

describe('drain', () => {
  async function running(timeoutMs?: number): Promise<{
    finish(): void;
    server: AgentServer;
    session: ProxySession;
    notices: AgentNotice[];
    signal(): AbortSignal | undefined;
    transport: Transport;
  }> {
    const gate = Promise.withResolvers<void>();
    const signals: AbortSignal[] = [];
    const agent = defineAgent({
      name: 'slow',
      version: '1',
      requestBody: true,
      async onRequestHeaders(request, context) {
        signals.push(context.signal);
        if (request.hasBody) return allow().withTag(await request.text());
        await gate.promise;
        return allow().withTag('finished');
      },
    });
    const transport = createMemoryTransport();
    const drain = timeoutMs === undefined ? {} : { drainTimeoutMs: timeoutMs };
    const server = await serve(agent, { transports: [transport], listen: ['memory:slow'], ...drain });
    const notices: AgentNotice[] = [];
    const session = await connectSession(transport, 'memory:slow', {
      self: PROXY,
      onNotice: (notice) => notices.push(notice),
    });
    return { finish: gate.resolve, server, session, notices, signal: () => signals[0], transport };
  }

  test('is announced, finishes running handlers, and closes', async () => {
    const at = await running();
    const answer = at.session.request(HEAD);
    await settled();
    const drained = at.server.drain();
    await settled();
    expect(at.notices.map((notice) => notice.type)).toEqual(expect.arrayContaining(['drain', 'healthStatus']));
    expect(at.session.draining).toBe(true);
    expect(at.server.stats.draining).toBe(true);
    await expect(connectSession(at.transport, 'memory:slow', { self: PROXY })).rejects.toMatchObject({
      code: 'ERR_CONNECT',
    });
    at.finish();
    expect((await answer).audit?.tags).toEqual(['finished']);
    await drained;
    expect(at.session.connection.status).toBe('closed');
  });

  test('waits for a handler between two chunks of a body', async () => {
    const at = await running();
    const exchange = at.session.open();
    await exchange.ask({ ...HEAD, hasBody: true });
    const drained = at.server.drain();
    await settled();
    const decision = await exchange.ask({ type: 'requestBodyChunk', index: 0, data: Buffer.from('all'), last: true });
    expect(decision.audit?.tags).toEqual(['all']);
    await drained;
  });

  test('aborts handlers that still run at its end', async () => {
    const at = await running(0);
    at.session.request(HEAD).catch(() => undefined);
    await settled();
    await at.server.drain();
    expect(at.signal()?.aborted).toBe(true);
    expect(at.session.connection.status).toBe('closed');
  });

  test('follows a signal with signals: true', async () => {
    const transport = createMemoryTransport();
    const before = process.listenerCount('SIGTERM');
    const server = await serve(plain, { transports: [transport], listen: ['memory:a'], signals: true });
    expect(process.listenerCount('SIGTERM')).toBe(before + 1);
    process.emit('SIGTERM');
    expect(server.stats.draining).toBe(true);
    await server.drain();
    expect(process.listenerCount('SIGTERM')).toBe(before);
  });

  test('is cut short by a second signal', async () => {
    const transport = createMemoryTransport();
    const stuck = defineAgent({
      name: 'stuck',
      version: '1',
      onRequestHeaders: () => new Promise<never>(() => undefined),
    });
    await serve(stuck, { transports: [transport], listen: ['memory:a'], signals: true });
    const session = await connectSession(transport, 'memory:a', { self: PROXY });
    const answer = session.request(HEAD);
    await settled();
    process.emit('SIGINT');
    process.emit('SIGINT');
    await expect(answer).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });
});

describe('reports', () => {
  test('are sent at once to a new connection, and at the interval, to proxies that negotiated them', async () => {
    const clock = createManualClock();
    const transport = createMemoryTransport();
    await serve(plain, { transports: [transport], listen: ['memory:a'], clock, keepalive: false });
    const notices: AgentNotice[] = [];
    const session = await connectSession(transport, 'memory:a', {
      self: PROXY,
      onNotice: (notice) => notices.push(notice),
    });
    const quiet: AgentNotice[] = [];
    await connectSession(transport, 'memory:a', {
      self: { ...PROXY, features: [] },
      onNotice: (notice) => quiet.push(notice),
    });
    await settled();
    expect(notices).toMatchObject([{ type: 'healthStatus', state: 'healthy' }, { type: 'metricsReport' }]);
    notices.length = 0;
    await session.request(HEAD);
    clock.advance(9_999);
    await settled();
    expect(notices).toEqual([]);
    clock.advance(1);
    await settled();
    expect(notices).toMatchObject([
      {
        type: 'healthStatus',
        agentId: 'plain',
        state: 'healthy',
        load: { inFlight: 0, requestsProcessed: 1 },
        resources: { connections: 2 },
      },
      { type: 'metricsReport', intervalMs: 10_000 },
    ]);
    const counters = notices.flatMap((notice) => (notice.type === 'metricsReport' ? notice.counters : []));
    expect(counters).toContainEqual({
      name: 'agent_decisions_total',
      labels: { agent: 'plain', decision: 'allow' },
      value: 1,
    });
    expect(quiet).toEqual([]);
    clock.advance(10_000);
    await settled();
    expect(notices).toHaveLength(4);
  });
});
