import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ALLOW, type Decision } from '@agentwire/core';
import { agentFetch } from '@agentwire/middleware';
import { expect, onTestFinished, test } from 'vitest';
import { poolWith } from './setup.ts';

const NOWHERE: Decision = { verdict: { type: 'redirect', url: '/elsewhere', status: 302 } };

/** `/STATUS/PATH` redirects to `/PATH`; everything else is echoed. */
async function redirecting() {
  const got: string[] = [];
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    let body = '';
    request.setEncoding('utf8').on('data', (part: string) => (body += part));
    request.on('end', () => {
      const own = [headers['content-type'], headers['content-length'], headers['authorization']].join();
      got.push(`${method} ${url} ${body} ${own}`);
      const [, status = '', to = ''] = /^\/(3\d\d)(.*)$/.exec(url) ?? [];
      if (status === '') response.end('done');
      else response.writeHead(Number(status), { location: to }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(() => resolve()));
  });
  const seen: string[] = [];
  const pool = await poolWith((event) => {
    if (event.type === 'requestHeaders') seen.push(`${event.method} ${event.uri}`);
    if (event.type === 'requestHeaders' && event.uri === '/secret') return { verdict: { type: 'block', status: 403 } };
    return event.type === 'requestHeaders' && event.uri === '/agent' ? NOWHERE : ALLOW;
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, port, got, seen, judged: agentFetch({ pool, agents: ['waf'] }) };
}

test('a redirect to what an agent blocks is not followed', async () => {
  const { url, got, seen, judged } = await redirecting();
  const response = await judged(`${url}/307/secret`, { method: 'POST', body: 'x' });
  expect(response.status).toBe(403);
  expect(got).toHaveLength(1);
  expect(seen).toEqual(['POST /307/secret', 'POST /secret']);
});

test.each([
  [301, 'GET /end  ,,'],
  [302, 'GET /end  ,,'],
  [303, 'GET /end  ,,'],
  [307, 'POST /end body text/plain;charset=UTF-8,4,'],
  [308, 'POST /end body text/plain;charset=UTF-8,4,'],
])('a POST is followed through %s as the Fetch standard tells', async (status, last) => {
  const { url, got, judged } = await redirecting();
  const response = await judged(`${url}/${status}/${status}/end`, { method: 'POST', body: 'body' });
  expect(await response.text()).toBe('done');
  expect(got).toHaveLength(3);
  expect(got[2]).toBe(last);
});

test('secrets stay with their origin; modes other than follow, and an agent that redirects, are left alone', async () => {
  const { url, port, got, judged } = await redirecting();
  const headers = { authorization: 'secret' };
  await judged(`${url}/302/a`, { headers });
  await judged(`${url}/302http://localhost:${port}/b`, { headers }).catch(() => undefined);
  expect(got).toEqual([
    'GET /302/a  ,,secret',
    'GET /a  ,,secret',
    `GET /302http://localhost:${port}/b  ,,secret`,
    'GET /b  ,,',
  ]);
  expect((await judged(`${url}/302/a`, { redirect: 'manual' })).status).toBe(302);
  await expect(judged(`${url}/302/a`, { redirect: 'error' })).rejects.toThrow(TypeError);
  const refused = await judged(`${url}/agent`);
  expect([refused.status, refused.headers.get('location')]).toEqual([302, '/elsewhere']);
});

test('what cannot be followed rejects: a loop, another scheme, a stream that was read', async () => {
  const { url, got, judged } = await redirecting();
  const loop = agentFetch({
    pool: await poolWith(() => ALLOW),
    agents: ['waf'],
    fetch: () => Promise.resolve(new Response(null, { status: 302, headers: { location: '/' } })),
  });
  await expect(loop(url)).rejects.toThrow('more than 20 redirects');
  await expect(judged(`${url}/302file:///etc/passwd`)).rejects.toThrow('file:');
  const body = new Blob(['x']).stream();
  await expect(judged(`${url}/307/a`, { method: 'POST', body, duplex: 'half' })).rejects.toThrow('once');
  expect(got).toHaveLength(2);
});
