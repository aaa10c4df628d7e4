import { allow, block, challenge, redirect, serveAgent, type Agent, defineAgent, replace } from '@agentwire/agent';
import type { ErrorCode } from '@agentwire/core';
import { silentLogger } from '@agentwire/core/internal';
import { connectSession } from '@agentwire/core/session';
import { createUdsTransport } from '@agentwire/transport-uds';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AgentClient, versionOne } from '../src/index.ts';
import { frame, head, oldProxy, socketPath } from './old-peers.ts';

const seen: unknown[] = [];
const agent: Agent<never> = defineAgent<never>({
  name: 'new-agent',
  version: '1',
  onRequestHeaders({ path }) {
    if (path === '/block') return block(403, 'no').withRule('r-1');
    if (path === '/redirect') return redirect('https://example.test/', 302);
    if (path === '/challenge') return challenge('captcha', { site_key: 'k' });
    if (path === '/throw') throw new Error('no');
    return allow()
      .setRequestHeader('x-a', '1')
      .withTag('seen')
      .withCustom('big', 2 ** 53);
  },
  onRequestBodyChunk: (chunk, { request }) => allow().withTag(`${request?.uri} ${chunk.data.byteLength}`),
  onResponseHeaders: ({ status }, { request }) => allow().withTag(`${request?.uri} ${status}`),
  onResponseBodyChunk: () => replace('new'),
  onRequestComplete({ status }) {
    seen.push(status);
    return allow().withTag('over');
  },
  onConfigure: ({ config }) => void seen.push(config),
});

interface House {
  readonly path: string;
  readonly refused: { readonly code: ErrorCode; readonly text: string }[];
  readonly transport: ReturnType<typeof createUdsTransport>;
}

async function serve(authorize?: () => void): Promise<House> {
  const path = socketPath();
  const refused: { code: ErrorCode; text: string }[] = [];
  const warn = (fields: object, text: string): void =>
    void ('code' in fields && refused.push({ code: fields.code as ErrorCode, text }));
  const logger = { ...silentLogger, warn };
  const transport = createUdsTransport({ versionOne, logger });
  const server = await serveAgent(agent, {
    transports: [transport],
    listen: [`unix:${path}`],
    ...(authorize !== undefined && { authorize }),
  });
  onTestFinished(() => server.close());
  return { path, refused, transport };
}

const metadata = {
  correlation_id: 'c-1',
  request_id: 'r-1',
  client_ip: '192.0.2.1',
  client_port: 1,
  protocol: 'HTTP/1.1',
  timestamp: '2025-01-01T00:00:00Z',
};
const message = (event_type: string, payload: object, version: unknown = 1): Buffer =>
  frame({ version, event_type, payload });
const request = (uri: string): Buffer => message('request_headers', { metadata, method: 'GET', uri, headers: {} });

describe('a proxy of version 1', () => {
  test('is recognised from its first frame and served by the same handlers', async () => {
    const { path } = await serve();
    const { socket, frames } = await oldProxy(path);
    socket.write(message('configure', { agent_id: 'a', config: { level: 2 } }));
    expect(await frames.next()).toMatchObject({ version: 1, decision: 'allow' });
    socket.write(request('/a'));
    expect(await frames.next()).toMatchObject({
      version: 1,
      decision: 'allow',
      request_headers: [{ set: { name: 'x-a', value: '1' } }],
      response_headers: [],
      audit: { tags: ['seen'], custom: { big: 9007199254740992 } },
      needs_more: false,
    });
    const chunk = { correlation_id: 'c-1', data: Buffer.from('abc').toString('base64'), is_last: true, total_size: 3 };
    socket.write(message('request_body_chunk', chunk));
    expect(await frames.next()).toMatchObject({ audit: { tags: ['/a 3'] } });
    socket.write(message('response_headers', { correlation_id: 'c-1', status: 204, headers: {} }));
    expect(await frames.next()).toMatchObject({ audit: { tags: ['/a 204'] } });
    socket.write(message('response_body_chunk', { correlation_id: 'c-1', data: '', is_last: true }));
    const data = Buffer.from('new').toString('base64');
    expect(await frames.next()).toMatchObject({ response_body_mutation: { data } });
    const sizes = { duration_ms: 1, request_body_size: 3, response_body_size: 0, upstream_attempts: 1, error: null };
    socket.write(message('request_complete', { correlation_id: 'c-1', status: 204, ...sizes }));
    expect(await frames.next()).toMatchObject({ version: 1, decision: 'allow', audit: { tags: ['over'] } });
    expect(seen).toEqual([{ level: 2 }, 204]);
    // no id of ours among the agent's own values, which old proxies log
    socket.write(message('configure', { agent_id: 'a', config: { level: 3 } }));
    expect(await frames.next()).toHaveProperty('audit.custom', {});
    // one answer to each, so the next one is the next request's
    socket.write(request('/b'));
    expect(await frames.next()).toMatchObject({ audit: { tags: ['seen'] } });
  });

  test.each([
    ['/block', { block: { status: 403, body: 'no', headers: null } }],
    ['/redirect', { redirect: { url: 'https://example.test/', status: 302 } }],
    ['/challenge', { challenge: { challenge_type: 'captcha', params: { site_key: 'k' } } }],
    ['/throw', { block: expect.objectContaining({ status: 500 }) }],
  ])('gets the decision on %s', async (uri, decision) => {
    const { path } = await serve();
    const { socket, frames } = await oldProxy(path);
    socket.write(request(uri));
    expect(await frames.next()).toMatchObject({ version: 1, decision });
  });

  test('may send its first frame in pieces, beside proxies of version 2 on the same socket', async () => {
    const { path, transport } = await serve();
    const { socket, frames } = await oldProxy(path);
    const bytes = request('/block');
    socket.write(bytes.subarray(0, 3));
    const self = { role: 'proxy', name: 'new-proxy', version: '1', features: [], encodings: ['json'] } as const;
    await using session = await connectSession(transport, `unix:${path}`, { self, keepalive: false });
    const { type, metadata: about, method, headers, hasBody } = head('/redirect');
    const decision = await session.open().ask({ type, metadata: about, method, uri: '/redirect', headers, hasBody });
    expect(decision.verdict.type).toBe('redirect');
    socket.write(bytes.subarray(3));
    expect(await frames.next()).toMatchObject({ decision: { block: { status: 403 } } });
  });

  test('waits for authorize, and is dropped without a word that it could not read', async () => {
    const allowed = await serve(() => undefined);
    const good = await oldProxy(allowed.path);
    good.socket.write(request('/a'));
    expect(await good.frames.next()).toMatchObject({ version: 1 });
    const { path, refused } = await serve(() => {
      throw new Error('no such path');
    });
    const { socket, frames } = await oldProxy(path);
    socket.write(request('/a'));
    await frames.ended;
    expect([socket.bytesRead, refused[0]?.code]).toEqual([0, 'ERR_UNAUTHORIZED']);
  });

  test.each([
    ['another version in a message', request('/a'), message('request_headers', {}, 3), 'says version 3'],
    [
      'no version in a message',
      request('/a'),
      frame({ event_type: 'request_headers', payload: {} }),
      'says no version',
    ],
    ['an unknown event_type', request('/a'), message('request_trailers', {}), 'event_type is not known'],
    ['no payload', request('/a'), frame({ version: 1, event_type: 'configure' }), 'payload is not an object'],
    ['what is not JSON', request('/a'), frame('{"version":1,'), 'not JSON'],
    ['a frame of version 2', request('/a'), Buffer.from([0, 0, 0, 3, 0x10, 0x7b, 0x7d]), 'type 0x10'],
    ['a chunk without an id', request('/a'), message('request_body_chunk', { is_last: 1 }), ''],
  ])('is cut off for %s', async (_, first, second, words) => {
    const { path } = await serve();
    const { socket, frames } = await oldProxy(path);
    socket.write(first);
    await frames.next();
    socket.write(second);
    if (words === '') expect(await frames.next()).toMatchObject({ decision: { block: { status: 500 } } });
    else await frames.ended;
  });

  test('is cut off when it asks again before the answer, as its answers have no ids', async () => {
    const gate = Promise.withResolvers<void>();
    const path = socketPath();
    const slow = defineAgent({ name: 's', version: '1', onRequestHeaders: async () => (await gate.promise, allow()) });
    const server = await serveAgent(slow, {
      transports: [createUdsTransport({ versionOne })],
      listen: [`unix:${path}`],
    });
    onTestFinished(() => server.close());
    const { socket, frames } = await oldProxy(path);
    socket.write(Buffer.concat([request('/a'), request('/b')]));
    await frames.ended;
    expect(socket.bytesRead).toBe(0);
    gate.resolve();
  });

  test('gets no answer longer than 10 MiB, which it would not read, but a block, and is served on', async () => {
    const path = socketPath();
    const long = defineAgent({
      name: 's',
      version: '1',
      onRequestHeaders: () => allow(),
      onRequestBodyChunk: () => replace(Buffer.alloc(8 * 1024 * 1024)),
    });
    const transports = [createUdsTransport({ versionOne })];
    const server = await serveAgent(long, { transports, listen: [`unix:${path}`] });
    onTestFinished(() => server.close());
    const { socket, frames } = await oldProxy(path);
    socket.write(request('/a'));
    await frames.next();
    socket.write(message('request_body_chunk', { correlation_id: 'c-1', data: 'AA==', is_last: true }));
    expect(await frames.next()).toMatchObject({ version: 1, decision: { block: { status: 500 } } });
    socket.write(request('/b'));
    expect(await frames.next()).toMatchObject({ decision: 'allow' });
  });

  test('is dropped where versionOne is not given', async () => {
    const path = socketPath();
    const server = await serveAgent(agent, { transports: [createUdsTransport()], listen: [`unix:${path}`] });
    onTestFinished(() => server.close());
    const { socket, frames } = await oldProxy(path);
    socket.write(request('/a'));
    await frames.ended;
    expect(socket.bytesRead).toBe(0);
  });
});

test('AgentClient and versionOne understand each other', async () => {
  const { path } = await serve();
  await using client = await AgentClient.unixSocket(path);
  const decisions = await Promise.all(
    ['/a', '/block', '/redirect'].map((uri, n) => client.sendEvent(head(uri, `c-${n}`))),
  );
  expect(decisions.map(({ verdict }) => verdict.type)).toEqual(['allow', 'block', 'redirect']);
  expect(decisions[0]).toMatchObject({
    audit: { tags: ['seen'] },
    requestHeaders: [{ op: 'set', name: 'x-a', value: '1' }],
  });
});
