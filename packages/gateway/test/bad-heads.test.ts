import { once } from 'node:events';
import { connect } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { setup } from './setup.ts';
import { block, FLAG, FRAME, frame } from './support/raw-http2.ts';
import { rawUpstream } from './support/raw-upstream.ts';

/** Asks over HTTP/2. @returns the status */
async function ask(url: string, method: string): Promise<unknown> {
  const session = connect(url);
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':path': '/', ':method': method });
  stream.on('error', () => undefined).resume();
  const [head] = (await once(stream, 'response')) as [{ ':status': number }];
  return head[':status'];
}

/** Upstream that answers its first stream with status 650, frame by frame. */
async function rawHttp2Upstream(body: string | undefined): Promise<string> {
  const server = createServer((socket) => {
    let answered = false;
    socket.on('error', () => undefined).write(frame(FRAME.settings, 0, 0));
    onTestFinished(() => void socket.destroy());
    socket.on('data', (part: Buffer) => {
      // HEADERS of stream 1, which come in a packet of their own or behind the settings
      if (answered || !part.includes(Buffer.from([FRAME.headers, 0x05, 0, 0, 0, 1]))) return;
      answered = true;
      const flags = FLAG.endHeaders | (body === undefined ? FLAG.endStream : 0);
      socket.write(frame(FRAME.headers, flags, 1, block([':status', '650'], ['x-a', '1'])));
      if (body !== undefined) socket.write(frame(FRAME.data, FLAG.endStream, 1, Buffer.from(body)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

// HTTP/2 has no such status, and node:http2 throws
test.each(['GET', 'HEAD'])('a status that the client cannot get is 502, and ends no process: %s', async (method) => {
  const { origin } = await rawUpstream(({ socket }) =>
    socket.write(`HTTP/1.1 650 Odd\r\ncontent-length: 2\r\n\r\n${method === 'GET' ? 'ok' : ''}`),
  );
  const overHttp1 = await setup({}, { upstream: origin }, undefined, { h2c: true });
  expect(await ask(overHttp1.url, method)).toBe(502);

  const targets = [await rawHttp2Upstream(method === 'GET' ? 'ok' : undefined)];
  const upstreams = { api: { targets, protocol: 'http2' as const } };
  const overHttp2 = await setup({}, { upstream: 'api', upstreams }, undefined, { h2c: true });
  expect(await ask(overHttp2.url, method)).toBe(502);
});
