import { createHash } from 'node:crypto';
import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import { createManualClock } from '@agentwire/core/testing';
import { sharedBodyQuota } from '@agentwire/mmap-buffer';
import { afterEach, describe, expect, test } from 'vitest';
import { rawClient } from './raw-client.ts';
import { setup } from './setup.ts';

const allow = (more: Partial<Decision> = {}): Decision => ({ verdict: { type: 'allow' }, ...more });
const BLOCK: Decision = { verdict: { type: 'block', status: 403, body: 'attack' } };
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** Reads whole request bodies and blocks those with "attack" in them. */
const waf = (event: ProxyEvent): Decision => {
  if (event.type === 'requestHeaders') return allow({ needsMore: true });
  if (event.type !== 'requestBodyChunk') return ALLOW;
  return Buffer.from(event.data).includes('attack') ? BLOCK : allow({ needsMore: !event.last });
};

async function* chunks(parts: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    yield part;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
const post = (parts: Iterable<Uint8Array>): RequestInit => ({
  method: 'POST',
  body: chunks(parts) as never,
  duplex: 'half',
});

afterEach(() => {
  expect(sharedBodyQuota.usedBytes).toBe(0);
});

describe('requestBody: buffer', () => {
  test.each([
    ['on the heap', 1000],
    ['at the edge of the heap', 1024 ** 2],
    ['in a file', 5_000_001],
  ])('a body %s arrives whole, with its length', async (_where, size) => {
    let upstreamSaw: unknown;
    const { url } = await setup({ waf }, { requestBody: 'buffer' }, (request, response) => {
      const hash = createHash('sha256');
      request.on('data', (part: Buffer) => hash.update(part));
      request.on('end', () => {
        upstreamSaw = [request.headers['content-length'], request.headers['transfer-encoding'], hash.digest('hex')];
        response.end('ok');
      });
    });
    const body = Buffer.alloc(size, 'abcdefg');
    const half = size >> 1;
    const response = await fetch(url, post([body.subarray(0, half), body.subarray(half)]));
    expect(await response.text()).toBe('ok');
    expect(upstreamSaw).toEqual([String(size), undefined, sha256(body)]);
  });

  test('an attack at the end of a body never reaches the upstream, not even its head', async () => {
    let reached = 0;
    const { url, summaries, ended } = await setup({ waf }, { requestBody: 'buffer' }, (_request, response) => {
      reached += 1;
      response.end();
    });
    const response = await fetch(url, post([Buffer.alloc(3_000_000), Buffer.from('attack')]));
    expect([response.status, await response.text(), reached]).toEqual([403, 'attack', 0]);
    await ended(1);
    expect(summaries[0]).toMatchObject({ outcome: 'blocked', requestBytes: 3_000_006 });
  });

  test('chunks after the last agent is done are not buffered, and the length stays known', async () => {
    const { url } = await setup(
      { first: (event) => allow({ needsMore: event.type === 'requestHeaders' }) },
      { requestBody: 'buffer', maxBufferedBodyBytes: 70_000 },
      (request, response) => {
        let bytes = 0;
        request.on('data', (part: Buffer) => (bytes += part.length));
        request.on('end', () => response.end(`${request.headers['content-length']} ${bytes}`));
      },
    );
    const response = await fetch(url, { method: 'PUT', body: Buffer.alloc(4_000_000) });
    expect(await response.text()).toBe('4000000 4000000');
  });

  test('changed chunks change the length; a body that is dropped leaves none', async () => {
    const lengths: (string | undefined)[] = [];
    const { url } = await setup(
      {
        cut: (event) => {
          if (event.type !== 'requestBodyChunk') return allow({ needsMore: true });
          const data = Buffer.from(event.data).includes('drop') ? new Uint8Array(0) : Buffer.from('longer than before');
          return allow({ needsMore: !event.last, requestBodyMutation: { index: event.index, data } });
        },
      },
      { requestBody: 'buffer' },
      (request, response) => {
        lengths.push(request.headers['content-length']);
        request.resume().on('end', () => response.end());
      },
    );
    await (await fetch(url, { method: 'POST', body: 'short' })).text();
    await (await fetch(url, { method: 'POST', body: 'drop' })).text();
    expect(lengths).toEqual(['18', '0']);
  });

  test('a body past maxBufferedBodyBytes is 413; one that no agent reads is never buffered', async () => {
    const read = await setup({ waf }, { requestBody: 'buffer', maxBufferedBodyBytes: 1000 });
    expect((await fetch(read.url, { method: 'POST', body: 'x'.repeat(1001) })).status).toBe(413);
    expect((await fetch(read.url, { method: 'POST', body: 'x'.repeat(1000) })).status).toBe(200);
    const unread = await setup({ waf: () => ALLOW }, { requestBody: 'buffer', maxBufferedBodyBytes: 0 });
    expect((await fetch(unread.url, { method: 'POST', body: 'x'.repeat(1001) })).status).toBe(200);
  });

  test('a client that leaves within its body frees everything', async () => {
    const asked = Promise.withResolvers<void>();
    const { url, summaries, ended } = await setup(
      { waf: (event) => (event.type === 'requestBodyChunk' && asked.resolve(), allow({ needsMore: true })) },
      { requestBody: 'buffer' },
    );
    const client = await rawClient(url);
    client.send('POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\nthe beginning');
    await asked.promise;
    client.socket.destroy();
    await ended(1);
    expect(summaries[0]).toMatchObject({ outcome: 'cancelled', status: 0 });
  });

  test('when the shared quota is full, the slowest upload is evicted', async () => {
    const clock = createManualClock();
    const taken = sharedBodyQuota.maxBytes - 1_000_000;
    sharedBodyQuota.take(taken);
    try {
      const { url } = await setup({ waf }, { requestBody: 'buffer', clock });
      const slow = await rawClient(url);
      slow.send(`POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 700000\r\n\r\n${'x'.repeat(600_000)}`);
      await expect.poll(() => sharedBodyQuota.usedBytes).toBe(taken + 600_000);
      clock.advance(1_000);
      const fast = await fetch(url, { method: 'POST', body: 'x'.repeat(900_000) });
      expect(fast.status).toBe(200);
      await fast.text();
      await slow.until(/^HTTP\/1\.1 507 /);
      expect(sharedBodyQuota.usedBytes).toBe(taken);
    } finally {
      sharedBodyQuota.give(taken);
    }
  });

  test('an upstream that fails after the body was buffered is 502 and frees everything', async () => {
    const { url } = await setup({ waf }, { requestBody: 'buffer' }, (request) => void request.socket.destroy());
    expect((await fetch(url, { method: 'POST', body: Buffer.alloc(3_000_000) })).status).toBe(502);
  });
});

describe('responseBody: buffer', () => {
  const judge = (event: ProxyEvent): Decision => {
    if (event.type === 'responseHeaders') return allow({ needsMore: true });
    if (event.type !== 'responseBodyChunk') return ALLOW;
    return Buffer.from(event.data).includes('secret') ? BLOCK : allow({ needsMore: !event.last });
  };

  test.each([
    ['on the heap', 1000],
    ['in a file', 3_000_000],
  ])('a response %s arrives whole, with its length', async (_where, size) => {
    const body = Buffer.alloc(size, 'abcdefg');
    const { url } = await setup({ judge }, { responseBody: 'buffer' }, (_request, response) => {
      response.write(body.subarray(0, 500));
      response.end(body.subarray(500));
    });
    const response = await fetch(url);
    expect(response.headers.get('content-length')).toBe(String(size));
    expect(sha256(new Uint8Array(await response.arrayBuffer()))).toBe(sha256(body));
  });

  test('a secret at its end is a clean block; too long is 502', async () => {
    const { url } = await setup(
      { judge },
      { responseBody: 'buffer', maxBufferedBodyBytes: 10_000 },
      (request, response) => {
        response.write('x'.repeat(9000));
        response.end(request.url === '/long' ? 'x'.repeat(9000) : 'secret');
      },
    );
    const blocked = await fetch(url);
    expect([blocked.status, await blocked.text()]).toEqual([403, 'attack']);
    expect((await fetch(`${url}/long`)).status).toBe(502);
  });

  test('without it the same block cuts the connection', async () => {
    const sent = Promise.withResolvers<void>();
    const { url } = await setup(
      { judge: (event) => (event.type === 'responseBodyChunk' && sent.resolve(), judge(event)) },
      {},
      (_request, response) => {
        response.write('x'.repeat(9000));
        void sent.promise.then(() => response.end('secret'));
      },
    );
    const response = await fetch(url);
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
  });
});

test('header operations of decisions on a buffered body are in time for both heads', async () => {
  const { url } = await setup(
    {
      agent: (event) => {
        const ops = [{ op: 'set' as const, name: `x-${event.type.toLowerCase()}`, value: '1' }];
        return allow({ needsMore: !('last' in event) || !event.last, requestHeaders: ops, responseHeaders: ops });
      },
    },
    { requestBody: 'buffer', responseBody: 'buffer' },
  );
  const response = await fetch(url, { method: 'POST', body: 'body' });
  const { headers } = (await response.json()) as { headers: Record<string, string> };
  expect(headers).toMatchObject({ 'x-requestheaders': '1', 'x-requestbodychunk': '1' });
  const names = ['requestheaders', 'requestbodychunk', 'responseheaders', 'responsebodychunk'];
  expect(names.map((name) => response.headers.get(`x-${name}`))).toEqual(['1', '1', '1', '1']);
});

test('chunks longer than maxChunkBytes are split before an agent is asked', async () => {
  const lengths: number[] = [];
  const { url } = await setup(
    {
      grow: (event) =>
        event.type === 'requestBodyChunk'
          ? allow({
              needsMore: !event.last,
              requestBodyMutation: { index: event.index, data: Buffer.alloc(2500, 'g') },
            })
          : allow({ needsMore: true }),
      watch: (event) => {
        if (event.type !== 'requestBodyChunk') return allow({ needsMore: true });
        lengths.push(event.data.byteLength);
        return allow({ needsMore: true });
      },
    },
    { maxChunkBytes: 1000 },
    (request, response) => {
      let bytes = 0;
      request.on('data', (part: Buffer) => (bytes += part.length));
      request.on('end', () => response.end(String(bytes)));
    },
  );
  expect(await (await fetch(url, { method: 'POST', body: 'x' })).text()).toBe('2500');
  expect(lengths).toEqual([1000, 1000, 500]);
});
