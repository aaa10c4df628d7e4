import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import { createManualClock } from '@agentwire/core/testing';
import { expect, test, vi } from 'vitest';
import { setup } from './setup.ts';

const block: Decision = { verdict: { type: 'block', status: 403 } };
const more: Decision = { ...ALLOW, needsMore: true };

/** A gateway whose agent `shadow` observes; what it would have decided, as the pool counts it. */
async function observed(
  shadow: (event: ProxyEvent) => Decision | Promise<Decision>,
  agents: Readonly<Record<string, (event: ProxyEvent) => Decision>> = {},
  options: Parameters<typeof setup>[1] = {},
) {
  const made = await setup(
    { shadow, ...agents },
    { agentSettings: { shadow: { mode: 'observe', timeoutMs: 5_000 } }, ...options },
  );
  const counted: unknown[] = [];
  const record = made.pool.recordShadow.bind(made.pool);
  made.pool.recordShadow = (agent, verdicts) => {
    counted.push([agent, verdicts.decided, verdicts.observed]);
    record(agent, verdicts);
  };
  return { ...made, counted };
}

test('an agent that observes is asked and counted, not obeyed and not waited for', async () => {
  const answer = Promise.withResolvers<Decision>();
  const { url, counted, summaries, pool } = await observed(() => answer.promise);
  const response = await fetch(url, { headers: { 'x-a': '1' } });
  expect([response.status, counted]).toEqual([200, []]);
  await response.arrayBuffer();
  await vi.waitFor(() => expect(summaries).toHaveLength(1));
  expect(summaries[0]?.agentsMs).toBeLessThan(1_000);
  answer.resolve({ ...block, requestHeaders: [{ op: 'set', name: 'x-shadow', value: '1' }] });
  await vi.waitFor(() => expect(counted).toEqual([['shadow', 'allow', 'block']]));
  await vi.waitFor(() => expect(pool.stats.agents[0]?.liveRequests).toBe(0));
});

test('its header operations and mutations change nothing, and it sees both bodies whole with the framing kept', async () => {
  const seen: [string, string, boolean][] = [];
  const { url, counted } = await observed((event) => {
    if (event.type === 'requestBodyChunk' || event.type === 'responseBodyChunk') {
      seen.push([event.type, Buffer.from(event.data).toString(), event.last]);
      const dropped = { index: event.index, data: new Uint8Array(0) };
      const mutation =
        event.type === 'requestBodyChunk' ? { requestBodyMutation: dropped } : { responseBodyMutation: dropped };
      return { ...(event.last ? ALLOW : more), ...mutation };
    }
    return {
      ...more,
      requestHeaders: [{ op: 'set', name: 'x-shadow', value: '1' }],
      responseHeaders: [{ op: 'set', name: 'x-shadow', value: '1' }],
    };
  });
  const response = await fetch(url, { method: 'POST', body: 'hello' });
  const { headers, body } = (await response.json()) as { headers: Record<string, string>; body: string };
  expect([body, headers['content-length'], headers['x-shadow'], response.headers.get('x-shadow')]).toEqual([
    'hello',
    '5',
    undefined,
    null,
  ]);
  await vi.waitFor(() => expect(counted).toEqual([['shadow', 'allow', 'allow']]));
  const text = (type: string): string =>
    seen
      .filter(([of]) => of === type)
      .map(([, data]) => data)
      .join('');
  expect([text('requestBodyChunk'), text('responseBodyChunk').includes('"body":"hello"')]).toEqual(['hello', true]);
  expect(seen.filter(([, , last]) => last).map(([of]) => of)).toEqual(['requestBodyChunk', 'responseBodyChunk']);
});

test('what was decided is counted beside it, and an agent that fails fails no request and uses no failure policy', async () => {
  const { url, counted, pool } = await observed(
    (event) => {
      if (event.type === 'requestHeaders' && event.uri === '/fail') throw new Error('broken');
      return ALLOW;
    },
    { waf: (event) => (event.type === 'requestHeaders' && event.uri === '/blocked' ? block : ALLOW) },
  );
  for (const path of ['/', '/blocked', '/fail']) await (await fetch(new URL(path, url))).arrayBuffer();
  await vi.waitFor(() => expect(counted).toHaveLength(3));
  expect(counted).toEqual([
    ['shadow', 'allow', 'allow'],
    ['shadow', 'block', 'allow'],
    ['shadow', 'allow', 'failed'],
  ]);
  expect(pool.stats.agents[0]?.failures).toBe(0);
});

test('an agent that reads too slowly is asked no more, and its request goes on', async () => {
  const slow = Promise.withResolvers<Decision>();
  const { url, counted } = await observed((event) => (event.type === 'requestHeaders' ? more : slow.promise));
  const response = await fetch(url, { method: 'POST', body: 'x'.repeat(6_000_000) });
  expect(((await response.json()) as { body: string }).body).toHaveLength(6_000_000);
  slow.resolve(more);
  await vi.waitFor(() => expect(counted).toEqual([['shadow', 'allow', 'dropped']]));
});

test('an agent that hangs holds a bounded part of the bodies of all requests', async () => {
  const hung = Promise.withResolvers<Decision>();
  const agentSettings = { shadow: { mode: 'observe', timeoutMs: 60_000 } } as const;
  const ask = (event: ProxyEvent) => (event.type === 'requestHeaders' ? more : hung.promise);
  const { url, counted } = await observed(ask, {}, { agentSettings });
  const body = Buffer.alloc(1_500_000, 'x');
  // 90 MB with the responses, which repeat the bodies; 64 MiB may wait
  for (let count = 0; count < 30; count += 1) await (await fetch(url, { method: 'POST', body })).arrayBuffer();
  hung.resolve(ALLOW);
  await vi.waitFor(() => expect(counted).toHaveLength(30));
  const dropped = counted.filter((one) => (one as string[])[2] === 'dropped').length;
  expect(dropped).toBeGreaterThanOrEqual(7);
  expect(dropped).toBeLessThan(20);
});

test('a budget is for all decisions of an agent on one request; past it its failure policy decides', async () => {
  const clock = createManualClock();
  const asked: string[] = [];
  const { url, pool } = await setup(
    {
      slow: (event) => {
        asked.push(event.type);
        clock.advance(60);
        return ALLOW;
      },
    },
    { clock, agentSettings: { slow: { budgetMs: 90, onFailure: { default: 'closed', timeout: 'open' } } } },
  );
  const response = await fetch(url);
  expect(response.status).toBe(200);
  await response.arrayBuffer();
  // the second decision has 30 ms left
  expect(asked.slice(0, 2)).toEqual(['requestHeaders', 'responseHeaders']);
  expect(pool.stats.agents[0]?.failures).toBe(1);
});
