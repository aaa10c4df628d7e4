import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Decision, ProxyEvent } from '@agentwire/core';
import { createAdminServer } from '@agentwire/gateway';
import { expect, onTestFinished, test } from 'vitest';
import { Client } from 'undici';
import { setup } from './setup.ts';

const allow = (): Decision => ({ verdict: { type: 'allow' } });

/** A server that answers with its name, and counts its connections. */
async function named(
  name: string,
): Promise<{ url: string; server: Server; accepted: () => number; open: () => number }> {
  let accepted = 0;
  let open = 0;
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.end(name));
  });
  server.on('connection', (socket) => {
    accepted += 1;
    open += 1;
    socket.once('close', () => (open -= 1));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, server, accepted: () => accepted, open: () => open };
}

test('under load no request fails, and every one is answered by the former or the new upstream', async () => {
  const [a, b] = await Promise.all([named('a'), named('b')]);
  const waf = (): Decision => allow();
  const { url, gateway, pool } = await setup({ waf }, { upstream: a.url });
  const stop = new AbortController();
  const counts: Record<string, number> = { a: 0, b: 0, failed: 0 };
  const client = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const answer = await fetch(url, { method: 'POST', body: 'x'.repeat(1_000) }).then(
        (response) => (response.ok ? response.text() : 'failed'),
        () => 'failed',
      );
      counts[answer] = (counts[answer] ?? 0) + 1;
    }
  };
  const clients = Array.from({ length: 8 }, client);
  for (let turn = 0; turn < 20; turn += 1) {
    const before = (counts['a'] ?? 0) + (counts['b'] ?? 0);
    await gateway.reload({ pool, upstream: turn % 2 === 0 ? b.url : a.url, agents: ['waf'] });
    await expect.poll(() => (counts['a'] ?? 0) + (counts['b'] ?? 0)).toBeGreaterThan(before + 8);
  }
  stop.abort();
  await Promise.all(clients);
  expect(counts['failed']).toBe(0);
  expect(Math.min(counts['a'] ?? 0, counts['b'] ?? 0)).toBeGreaterThan(0);
  // the last reload went back to a: connections to b are closed
  await expect.poll(b.open).toBe(0);
});

test('a reload is over when every request that began before it is, whatever was reloaded in between', async () => {
  const upstream = await named('a');
  const asked = Promise.withResolvers<undefined>();
  const answer = Promise.withResolvers<Decision>();
  const waf = (event: ProxyEvent): Promise<Decision> | Decision => {
    if (event.type !== 'requestHeaders') return allow();
    asked.resolve(undefined);
    return answer.promise;
  };
  const { url, gateway, pool } = await setup({ waf }, { upstream: upstream.url });
  const first = fetch(url).then((response) => response.text());
  await asked.promise;
  let over = false;
  const former = gateway.reload({ pool, upstream: upstream.url, agents: ['waf'] });
  // without a request of its own: the one that runs began before both
  const last = gateway.reload({ pool, upstream: upstream.url, agents: [] }).then(() => (over = true));
  await fetch(url);
  expect(over).toBe(false);
  answer.resolve(allow());
  expect(await first).toBe('a');
  await Promise.all([former, last]);
});

test('replaced options are told to be over by themselves: those that an old request does not use do not wait for it', async () => {
  const upstream = await named('a');
  const asked = Promise.withResolvers<undefined>();
  const answer = Promise.withResolvers<Decision>();
  const waf = (event: ProxyEvent): Promise<Decision> | Decision => {
    if (event.type !== 'requestHeaders') return allow();
    asked.resolve(undefined);
    return answer.promise;
  };
  const over: string[] = [];
  const onReplaced = (name: string) => () => {
    over.push(name);
    throw new Error('logged, and no more');
  };
  const { url, gateway, pool } = await setup({ waf }, { upstream: upstream.url, onReplaced: onReplaced('first') });
  const first = fetch(url).then((response) => response.text());
  await asked.promise;
  const options = { pool, upstream: upstream.url, agents: [] };
  const reloads = ['second', 'third'].map((name) => gateway.reload({ ...options, onReplaced: onReplaced(name) }));
  expect(over).toEqual(['second']);
  answer.resolve(allow());
  expect(await first).toBe('a');
  await Promise.all(reloads);
  expect(over).toEqual(['second', 'first']);
});

test('a request in flight finishes with the former options, also where it has not reached its upstream yet', async () => {
  const [a, b] = await Promise.all([named('a'), named('b')]);
  const waiting: (() => void)[] = [];
  const slow = (event: ProxyEvent): Promise<Decision> | Decision =>
    event.type === 'requestHeaders' && event.uri === '/slow'
      ? new Promise((resolve) => waiting.push(() => resolve(allow())))
      : allow();
  const { url, gateway, pool } = await setup({ slow }, { upstream: a.url });
  const first = fetch(`${url}/slow`).then((response) => response.text());
  await expect.poll(() => waiting.length).toBe(1);
  let over = false;
  const reloaded = gateway.reload({ pool, upstream: b.url, agents: [] }).then(() => (over = true));
  const third = gateway.reload({ pool, upstream: b.url, agents: ['slow'] });
  expect(await (await fetch(`${url}/x`)).text()).toBe('b');
  expect(over).toBe(false);
  waiting.forEach((one) => one());
  expect(await first).toBe('a');
  await Promise.all([reloaded, third]);
  await expect.poll(a.open).toBe(0);
});

test('unchanged upstreams keep their connections; wrong options change nothing', async () => {
  const a = await named('a');
  const upstreams = { a: { targets: [a.url] } };
  const { url, gateway, pool } = await setup({}, { upstream: 'a', upstreams });
  expect(await (await fetch(url)).text()).toBe('a');
  await gateway.reload({ pool, upstream: 'a', upstreams, maxRequestBodyBytes: 2 });
  expect(await (await fetch(url)).text()).toBe('a');
  expect(a.accepted()).toBe(1);
  await expect(gateway.reload({ pool, upstream: 'nope', upstreams })).rejects.toThrow('upstream is "nope"');
  expect((await fetch(url, { method: 'POST', body: 'abc' })).status).toBe(413);
  await gateway.close();
  await expect(gateway.reload({ pool, upstream: a.url })).rejects.toMatchObject({ code: 'ERR_CLOSED' });
});

test('POST /-/reload needs its token; an error is its body', async () => {
  const { gateway, pool } = await setup({});
  let runs = 0;
  let token = 'secret';
  const admin = createAdminServer({
    gateway,
    pool,
    reload: {
      token: () => token,
      run: () => {
        runs += 1;
        return runs === 1 ? Promise.resolve() : Promise.reject(new Error('a.yaml:1: nope'));
      },
    },
  });
  onTestFinished(() => admin.close());
  const url = `${await admin.listen({})}/-/reload`;
  const ask = async (method: string, shown?: string): Promise<[number, string]> => {
    const response = await fetch(url, {
      method,
      headers: shown === undefined ? {} : { authorization: `Bearer ${shown}` },
    });
    return [response.status, await response.text()];
  };
  const got = await fetch(url);
  expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST']);
  expect(await ask('POST')).toMatchObject([401, expect.any(String)]);
  expect(await ask('POST', 'secre')).toMatchObject([401, expect.any(String)]);
  expect(runs).toBe(0);
  expect(await ask('POST', 'secret')).toEqual([200, 'reloaded\n']);
  expect(await ask('POST', 'secret')).toEqual([422, 'a.yaml:1: nope\n']);
  token = 'rotated';
  expect(await ask('POST', 'secret')).toMatchObject([401, expect.any(String)]);
  expect(await ask('POST', 'rotated')).toMatchObject([422, expect.any(String)]);
  // over a Unix socket its mode says who may reload
  const folder = mkdtempSync(`${tmpdir()}/aw-ad-`);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const run = (): Promise<void> => Promise.resolve();
  const local = createAdminServer({ gateway, pool, reload: { run } });
  onTestFinished(() => local.close());
  expect(await local.listen({ path: `${folder}/admin` })).toBe(`unix:${folder}/admin`);
  const dispatcher = new Client('http://localhost', { socketPath: `${folder}/admin` });
  onTestFinished(() => dispatcher.close());
  const { statusCode, body } = await dispatcher.request({ method: 'POST', path: '/-/reload' });
  expect([statusCode, await body.text()]).toEqual([200, 'reloaded\n']);
  const exposed = createAdminServer({ gateway, pool, reload: { run } });
  onTestFinished(() => exposed.close());
  expect((await fetch(`${await exposed.listen({})}/-/reload`, { method: 'POST' })).status).toBe(404);
  const none = createAdminServer({ gateway, pool });
  onTestFinished(() => none.close());
  expect((await fetch(`${await none.listen({})}/-/reload`, { method: 'POST' })).status).toBe(404);
});
