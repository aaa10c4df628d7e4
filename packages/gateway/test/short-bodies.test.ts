import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { ALLOW } from '@agentwire/core';
import { expect, test } from 'vitest';
import { type Agents, setup } from './setup.ts';

/** Around the length up to which a body is joined with its head, and one of every byte. */
const LENGTHS = [0, 1, 256, 8_191, 8_192, 8_193, 20_000];
const BODIES = LENGTHS.map((length) =>
  length === 256 ? Buffer.from(Array.from({ length }, (_, byte) => byte)) : randomBytes(length),
);

const WAYS: Readonly<Record<string, Agents>> = {
  'without agents': {},
  'with an agent': { waf: () => ALLOW },
};

async function get(url: string, path: string): Promise<{ headers: NodeJS.Dict<string | string[]>; body: Buffer }> {
  const sent = request(`${url}${path}`, { agent: false }).end();
  const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
  const body = Buffer.concat(await response.toArray());
  return { headers: response.headers, body };
}

test.each(Object.entries(WAYS))('a body of any length comes as the upstream sent it, %s', async (_, agents) => {
  const { url } = await setup(agents, {}, (received, response) => {
    const [, framing, at] = (received.url ?? '').split('/');
    const body = BODIES[Number(at)] ?? Buffer.alloc(0);
    const value = Buffer.from('café', 'utf8').toString('latin1');
    if (framing === 'length') response.writeHead(200, { 'x-name': value, 'content-length': body.length }).end(body);
    else {
      response.writeHead(200, { 'x-name': value });
      const half = body.length >> 1;
      response.write(body.subarray(0, half));
      if (framing === 'chunked') response.end(body.subarray(half));
      else setImmediate(() => response.end(body.subarray(half)));
    }
  });
  for (const framing of ['length', 'chunked', 'later']) {
    for (const [at, body] of BODIES.entries()) {
      const got = await get(url, `/${framing}/${at}`);
      expect(got.body.equals(body), `${framing} ${body.length}`).toBe(true);
      expect(got.headers['content-length']).toBe(framing === 'length' ? String(body.length) : undefined);
      expect(Buffer.from(String(got.headers['x-name']), 'latin1').toString()).toBe('café');
    }
  }
});

test('the first bytes of a body that goes on later are sent at once', async () => {
  let finish: (() => void) | undefined;
  const { url } = await setup({}, {}, (_request, response) => {
    response.writeHead(200, { 'content-length': '6' });
    response.write('one');
    finish = () => response.end('two');
  });
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.setEncoding('latin1').write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
  let text = '';
  while (!text.endsWith('one')) [text] = [text + String((await once(socket, 'data'))[0])];
  expect(text).toMatch(/^HTTP\/1.1 200 OK\r\n/);
  finish?.();
  socket.on('data', (more: string) => (text += more));
  await once(socket, 'end');
  expect(text.endsWith('\r\n\r\nonetwo')).toBe(true);
});
