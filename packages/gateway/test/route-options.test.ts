import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import type { RouteOptions } from '@agentwire/gateway';
import { createManualClock } from '@agentwire/core/testing';
import { describe, expect, test } from 'vitest';
import { setup } from './setup.ts';
import { passing } from './support/passing.ts';

const MORE: Decision = { ...ALLOW, needsMore: true };
const BLOCK: Decision = { verdict: { type: 'block', status: 403, body: 'no' } };

/** Reads both bodies to their end, and blocks one with "bad" in it. */
function reader(event: ProxyEvent): Decision {
  if (event.type === 'requestHeaders' || event.type === 'responseHeaders') return MORE;
  if (!('last' in event)) return ALLOW;
  if (Buffer.from(event.data).includes('bad')) return BLOCK;
  return event.last ? ALLOW : MORE;
}

/** Gateway whose own options are those of a proxy that buffers nothing; `route` is that of `/own`, `/plain` has none. */
const front = async (
  route: RouteOptions,
  agent: (event: ProxyEvent) => Decision | Promise<Decision> = reader,
): Promise<{ url: string; reached: string[]; clock: ReturnType<typeof createManualClock> }> => {
  const reached: string[] = [];
  const clock = createManualClock();
  const seen = Promise.withResolvers<void>();
  const asked = (event: ProxyEvent): Decision | Promise<Decision> => {
    if (event.type === 'responseBodyChunk') seen.resolve();
    return agent(event);
  };
  const { url } = await setup(
    { agent: asked },
    { routes: [{ pathPrefix: '/own', ...route }, { pathPrefix: '/plain' }], clock },
    (request, response) => {
      const { url: path = '' } = request;
      request.resume();
      reached.push(path);
      if (path.endsWith('/body')) {
        response.write('x'.repeat(2_000));
        void seen.promise.then(() => response.end('bad'));
      } else request.on('end', () => response.end('ok')).on('error', () => response.destroy());
    },
  );
  return { url, reached, clock };
};

/** A body whose second part comes once the upstream has the head, or at once where it never gets it. */
const upload = (path: string, until: () => boolean, parts = ['x', 'bad']): RequestInit => ({
  method: 'POST',
  body: (async function* body(): AsyncGenerator<Uint8Array> {
    const [first = '', ...rest] = parts;
    yield Buffer.from(first);
    if (path === '/plain') await expect.poll(until).toBe(true);
    for (const part of rest) yield Buffer.from(part);
  })() as never,
  duplex: 'half',
});

describe('a route has its own', () => {
  test('requestBody', async () => {
    const { url, reached } = await front({ requestBody: 'buffer' });
    const post = async (path: string): Promise<number> =>
      (
        await fetch(
          url + path,
          upload(path, () => reached.includes(path)),
        )
      ).status;
    expect([await post('/own'), await post('/plain')]).toEqual([403, 403]);
    expect(reached).toEqual(['/plain']);
  });

  test('responseBody', async () => {
    const { url } = await front({ responseBody: 'buffer' });
    // its head is sent before the agent sees the end
    const plain = await fetch(`${url}/plain/body`);
    expect(plain.status).toBe(200);
    await expect(plain.text()).rejects.toThrow();
    expect((await fetch(`${url}/own/body`)).status).toBe(403);
  });

  test('maxBufferedBodyBytes', async () => {
    const { url } = await front({ requestBody: 'buffer', maxBufferedBodyBytes: 10 });
    const post = async (path: string): Promise<number> =>
      (await fetch(url + path, { method: 'POST', body: 'x'.repeat(11) })).status;
    expect([await post('/own'), await post('/plain')]).toEqual([413, 200]);
  });

  test('maxRequestBodyBytes', async () => {
    const { url } = await front({ maxRequestBodyBytes: 10, pipeline: [] });
    const post = async (path: string): Promise<number> =>
      (await fetch(url + path, { method: 'POST', body: 'x'.repeat(11) })).status;
    expect([await post('/own'), await post('/plain')]).toEqual([413, 200]);
  });

  test('maxChunkBytes', async () => {
    const sizes: number[] = [];
    const { url } = await front({ maxChunkBytes: 4 }, (event) => {
      if (event.type === 'requestBodyChunk') sizes.push(event.data.byteLength);
      return reader(event);
    });
    const post = async (path: string): Promise<number[]> => {
      await fetch(url + path, { method: 'POST', body: 'x'.repeat(10) });
      return sizes.splice(0).filter((size) => size > 0);
    };
    expect([await post('/own'), await post('/plain')]).toEqual([[4, 4, 2], [10]]);
  });

  test('decisionTimeoutMs', async () => {
    const { url, clock } = await front({ decisionTimeoutMs: 1_000 }, () => new Promise(() => undefined));
    expect((await passing(clock, fetch(`${url}/own`))).status).toBe(503);
    const own = clock.now();
    expect((await passing(clock, fetch(`${url}/plain`))).status).toBe(503);
    expect([own < 5_000, clock.now() - own > 20_000]).toEqual([true, true]);
  });
});
