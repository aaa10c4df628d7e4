import { createServer, type IncomingHttpHeaders, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { socketFolder, start } from './command-line.ts';

const AGENT = fileURLToPath(new URL('./agents/bodies.ts', import.meta.url));

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Sends a request in these pieces, one after the other, each on its own. */
async function post(
  url: string,
  pieces: readonly (string | Uint8Array)[],
  headers: Record<string, string> = {},
): Promise<Answer> {
  const request = httpRequest(url, { method: 'POST', headers, agent: false });
  const answered = new Promise<Answer>((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response) => {
      buffer(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
        reject,
      );
    });
  });
  for (const piece of pieces) {
    await new Promise<void>((resolve) => request.write(piece, () => resolve()));
    await new Promise((resolve) => setImmediate(resolve));
  }
  request.end();
  return answered;
}

/** Upstream that answers with what it got, in several chunks, in the content-encoding of the request. */
async function upstream(): Promise<string> {
  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      const { 'content-encoding': coding, 'content-length': length = 'none', 'x-begin': begin } = request.headers;
      response.setHeader('etag', '"1"');
      response.setHeader('x-length', length);
      if (begin !== undefined) response.setHeader('x-begin', begin);
      if (coding !== undefined) response.setHeader('content-encoding', coding);
      const half = body.byteLength >> 1;
      response.write(body.subarray(0, half));
      setImmediate(() => response.end(body.subarray(half)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test.each(['unix', 'grpc'])(
  'bodies change through a gateway and an agent in its own process, over %s',
  async (kind) => {
    const endpoint = kind === 'unix' ? `unix:${join(socketFolder(), 'bodies.sock')}` : 'grpc://127.0.0.1:0';
    const agent = start('agent', AGENT, '--listen', endpoint);
    const at = await agent.line('listening');
    const target = await upstream();
    const gateway = start('gateway', '--listen', '127.0.0.1:0', '--upstream', target, '--agent', `bodies=${at}`);
    const url = await gateway.line('listening ');

    // replaced, on requests and responses, with their length and without their etag
    const replaced = await post(`${url}/replace`, ['ab', 'cd', 'ef']);
    expect([replaced.status, replaced.body.toString()]).toEqual([200, '<ABCDEF>']);
    expect(replaced.headers).toMatchObject({ 'x-length': '6', 'content-length': '8' });
    expect(replaced.headers.etag).toBeUndefined();

    // replaced inside a content-encoding
    const inGzip = await post(`${url}/replace`, [gzipSync('abc')], { 'content-encoding': 'gzip' });
    expect([inGzip.headers['content-encoding'], gunzipSync(inGzip.body).toString()]).toEqual(['gzip', '<ABC>']);
    const inBrotli = await post(`${url}/replace`, [brotliCompressSync('abc')], { 'content-encoding': 'br' });
    expect(brotliDecompressSync(inBrotli.body).toString()).toBe('<ABC>');

    // text replaced across chunks, streaming and inside gzip
    const redacted = await post(`${url}/redact`, ['a sec', 'ret-', '12', '3 and to', 'ken']);
    expect([redacted.status, redacted.body.toString()]).toEqual([200, 'a *** and [token]']);
    expect(redacted.headers).toMatchObject({ 'x-redacted': '1' });
    expect(redacted.headers.etag).toBeUndefined();
    const text = 'a secret-1 and token, '.repeat(20_000);
    const zipped = await post(`${url}/redact`, [gzipSync(text)], { 'content-encoding': 'gzip' });
    expect(gunzipSync(zipped.body).toString()).toBe('a *** and [token], '.repeat(20_000));

    // decided after a preview, before anything passes
    const refused = await post(`${url}/preview`, ['ba', 'd text']);
    expect([refused.status, refused.body.toString()]).toEqual([403, 'bad begin']);
    const passed = await post(`${url}/preview`, ['go', 'od', ' text']);
    expect([passed.status, passed.body.toString(), passed.headers['x-begin']]).toEqual([200, 'good text', 'good']);

    // read in pieces, skipped, and changed chunk by chunk
    expect((await post(`${url}/each`, ['ab', 'cd'])).body.toString()).toBe('abcd');
    expect((await post(`${url}/skip`, ['ab', 'cd', 'ef'])).body.toString()).toBe('abcdef');
    expect((await post(`${url}/chunks`, ['ab', 'cd'])).body.toString()).toBe('ABCD');
  },
  60_000,
);
