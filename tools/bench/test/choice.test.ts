import { Latencies } from '@agentwire/cli/internal';
import { expect, test } from 'vitest';
import { readFlags } from '../src/flags.ts';
import { OTHERS } from '../src/http/others/index.ts';
import { PROXIES } from '../src/http/proxies.ts';
import { HTTP_ROWS } from '../src/http/rows.ts';
import type { Row } from '../src/plan/row.ts';
import { ROWS } from '../src/plan/rows.ts';
import { choose } from '../src/run/rounds.ts';
import { loadStack } from '../src/stacks/index.ts';

test('words and numbers choose rows', () => {
  const flags = readFlags(['--stack', '=grpc', '--stack', 'crate-uds', '--in-flight', '64', '--quick']);
  expect(flags).toMatchObject({ rounds: 1, seconds: 1, warmupSeconds: 1 });
  const chosen = choose(ROWS, flags);
  expect(chosen.map(({ id }) => id).toSorted()).toEqual(
    ['crate-uds-json', 'crate-uds-msgpack', 'grpc', 'ours-to-crate-uds-json', 'ours-to-crate-uds-msgpack'].toSorted(),
  );
  expect(chosen.every(({ loads }) => loads.every(({ inFlight }) => inFlight === 64))).toBe(true);
});

test('the hyphens of pnpm are skipped', () => {
  expect(readFlags(['--', '--http']).http).toBe(true);
});

test('a number that is none is refused with the usage', () => {
  expect(() => readFlags(['--seconds', 'soon'])).toThrow(/--seconds takes a positive number, got "soon"\n.*pnpm bench/);
});

test.each<[string, readonly Row[]]>([
  ['messages', ROWS],
  ['HTTP', HTTP_ROWS],
])('every goal about %s compares with a row that exists at that number in flight', (_kind, rows) => {
  for (const row of rows) {
    for (const { inFlight, goals } of row.loads) {
      for (const goal of goals) {
        if (!('to' in goal)) continue;
        const at = goal.of === 'rateRatio' ? (goal.inFlight ?? inFlight) : inFlight;
        const other = rows.find(({ id }) => id === goal.to);
        expect(other?.loads.some((load) => load.inFlight === at)).toBe(true);
      }
    }
  }
});

test('every row has a stack behind both of its ends', async () => {
  const names = ROWS.flatMap(({ client, server }) => [client, server]).flatMap((end) =>
    end.by === 'node' ? [end.stack] : [],
  );
  for (const name of new Set(names)) expect((await loadStack(name)).name).toBe(name);
  await expect(loadStack('none')).rejects.toThrow('there is no stack none');
});

test('every row about HTTP has a proxy, and its agents are stacks', async () => {
  expect(HTTP_ROWS.map(({ id }) => id).toSorted()).toEqual(
    [...Object.keys(PROXIES), ...Object.keys(OTHERS)].toSorted(),
  );
  const agents = new Set(HTTP_ROWS.flatMap((row) => row.agents));
  for (const name of agents) expect((await loadStack(name)).name).toBe(name);
});

test('a histogram counts every sample once', () => {
  const latencies = new Latencies();
  for (const ms of [0.5, 1, 1.5, 2, 99]) latencies.add(ms);
  expect(latencies.histogram([1, 2])).toEqual([1, 2, 2]);
});
