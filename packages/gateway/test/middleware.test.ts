import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { ALLOW } from '@agentwire/core';
import { exchange } from './raw-client.ts';
import { setup } from './setup.ts';

test('the handler serves some paths of a server with other paths of its own', async () => {
  const { gateway } = await setup({
    waf: (event) =>
      event.type === 'requestHeaders' && event.uri === '/api/bad' ? { verdict: { type: 'block', status: 403 } } : ALLOW,
  });
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/api/')) gateway.handler(request, response);
    else response.end('my own');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect(await (await fetch(`${url}/mine`)).text()).toBe('my own');
  expect((await fetch(`${url}/api/bad`)).status).toBe(403);
  const echoed = await fetch(`${url}/api/good`, { method: 'POST', body: 'body' });
  expect(await echoed.json()).toMatchObject({ url: '/api/good', body: 'body' });
  // Node itself sends "100 Continue" here
  const text = await exchange(
    url,
    'POST /api/good HTTP/1.1\r\nhost: h\r\nconnection: close\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\nfour',
  );
  expect(text).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 /);
  server.closeAllConnections();
});
