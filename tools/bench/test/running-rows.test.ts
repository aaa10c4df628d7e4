import { expect, test } from 'vitest';
import { HTTP_ROWS, type HttpRow } from '../src/http/rows.ts';
import { RunningRows } from '../src/http/running-rows.ts';

import type { Program } from '../src/run/processes.ts';
import { choose, runRounds } from '../src/run/rounds.ts';

const row = (id: string): HttpRow => HTTP_ROWS.find((one) => one.id === id) as HttpRow;
// one that is ended before it listens for signals has no exit status
const hasEnded = ({ child }: Program): boolean => child.exitCode !== null || child.signalCode !== null;

test('a row is started once, answers, and is gone at the end', async () => {
  await using stack = new AsyncDisposableStack();
  const rows = stack.use(new RunningRows(undefined));
  expect(rows.has(row('gateway'))).toBe(false);
  const first = await rows.get(row('gateway'));
  expect(await rows.get(row('gateway'))).toBe(first);
  const response = await fetch(first.address);
  expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('"status":"ok"')]);
  await rows.end(row('gateway'));
  expect([first.proxy, ...first.agents].map(hasEnded)).toEqual([true, true]);
  const second = await rows.get(row('gateway'));
  expect(second.proxy.child.pid).not.toBe(first.proxy.child.pid);
  await stack.disposeAsync();
  expect([second.proxy, ...second.agents].map(hasEnded)).toEqual([true, true]);
});

test('every second round goes from the last cell to the first', async () => {
  const ran: string[] = [];
  const result = {
    requestsPerSecond: 1,
    latencyMs: { p50: 1, p99: 1 },
    errors: {},
    cpuMicroseconds: { client: 1, server: 1 },
    rssBytes: 1,
    others: 0,
  };
  const flags = {
    stacks: ['=undici', '=fastify'],
    inFlight: [64],
    rounds: 3,
    seconds: 1,
    warmupSeconds: 1,
    http: true,
    out: '',
    profiles: undefined,
  };
  const run = ({ id }: HttpRow): Promise<typeof result> => {
    ran.push(id);
    return Promise.resolve(result);
  };
  const cells = await runRounds(choose(HTTP_ROWS, flags), flags, run, () => undefined);
  expect(ran).toEqual(['undici', 'fastify', 'fastify', 'undici', 'undici', 'fastify']);
  expect(cells.map(({ rounds }) => rounds.length)).toEqual([3, 3]);
});
