import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import { createGateway } from '@agentwire/gateway';
import { describe, expect, onTestFinished, test } from 'vitest';
import { setup } from './setup.ts';

const blockAttack = (event: ProxyEvent): Decision =>
  'data' in event && Buffer.from(event.data).includes('attack') ? { verdict: { type: 'block', status: 403 } } : ALLOW;

describe('an agent that is listed is asked', () => {
  test('also one that takes the bodies of requests and no heads', async () => {
    const { url } = await setup({ waf: { on: blockAttack, events: ['requestBodyChunk'] } });
    const post = async (body: string): Promise<number> => (await fetch(url, { method: 'POST', body })).status;
    expect([await post('attack'), await post('fine'), (await fetch(url)).status]).toEqual([403, 200, 200]);
  });

  test('also one that takes the bodies of responses and no heads', async () => {
    const { url } = await setup(
      { waf: { on: blockAttack, events: ['responseBodyChunk'] } },
      { responseBody: 'buffer' },
      (request, response) => response.end(request.url === '/bad' ? 'attack' : 'fine'),
    );
    expect([(await fetch(`${url}/bad`)).status, (await fetch(`${url}/good`)).status]).toEqual([403, 200]);
  });

  test('one that takes no event of an HTTP request passes nothing', async () => {
    const { url } = await setup({ waf: { on: () => ALLOW, events: ['guardrailInspect'] } });
    expect((await fetch(url)).status).toBe(503);
  });

  test('one that takes ends only is told of each request, also of one that another agent blocked', async () => {
    const ends: number[] = [];
    const { url, ended } = await setup({
      waf: (event) =>
        event.type === 'requestHeaders' && event.uri === '/no' ? { verdict: { type: 'block', status: 403 } } : ALLOW,
      audit: {
        on: (event) => {
          if (event.type === 'requestComplete') ends.push(event.status);
          return ALLOW;
        },
        events: ['requestComplete'],
      },
    });
    await (await fetch(`${url}/no`)).text();
    await (await fetch(url)).text();
    await ended(2);
    await expect.poll(() => ends).toEqual([403, 200]);
  });
});

test('an agent that the pool does not have is named when the gateway starts to listen', async () => {
  const { pool } = await setup({});
  const warnings: string[] = [];
  const logger = {
    debug() {},
    info() {},
    error() {},
    warn: (_: object, message: string) => void warnings.push(message),
  };
  const gateway = createGateway({ pool, upstream: 'http://127.0.0.1:1', agents: ['nope'], logger });
  onTestFinished(() => gateway.close());
  const url = await gateway.listen();
  expect(warnings).toEqual([expect.stringContaining('the pool has no agent "nope"')]);
  expect((await fetch(url)).status).toBe(502);
});

test('two gateways on one pool do not share requests, and no two requests have the same id', async () => {
  const ids = new Set<string>();
  const { url, pool, summaries, ended } = await setup({
    waf: (event) => {
      if (event.type === 'requestHeaders') ids.add(event.metadata.requestId);
      return ALLOW;
    },
  });
  const other = createGateway({ pool, upstream: url, agents: ['waf'] });
  onTestFinished(() => other.close());
  const otherUrl = await other.listen();
  // each request of the other gateway goes through both, and both count from 1
  const responses = await Promise.all(Array.from({ length: 20 }, (_, at) => fetch(`${otherUrl}/${at}`)));
  expect(responses.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
  await Promise.all(responses.map((response) => response.text()));
  await ended(20);
  expect(ids.size).toBe(40);
  for (const { id } of summaries) expect(ids).toContain(id);
});
