import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { parseEndpoint, systemClock } from '@agentwire/core';
import { beforeAll, describe, expect, test } from 'vitest';
import type { CheckResult } from '../src/check.ts';
import { runProxyChecks } from '../src/proxy/run-proxy-checks.ts';
import { PROXY_CHECKS } from '../src/proxy/run-proxy-checks.ts';
import { MinimalProxy } from './minimal-proxy.ts';
import { PROXY_FAULTS, type ProxyFault } from './proxy-faults.ts';

/** Faults that are checked concurrently: all of them wait most of the time. */
const AT_A_TIME = 8;

/** Runs one check on a proxy of its own. */
async function checkOne(fault: string, id: string, timeoutMs: number): Promise<CheckResult[]> {
  const folder = mkdtempSync(`${tmpdir()}/aw-cm-`);
  const path = `${folder}/a.sock`;
  const proxy = new MinimalProxy(path, fault);
  try {
    await new Promise<void>((resolve) => proxy.server.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.server.address() as AddressInfo;
    return await runProxyChecks(parseEndpoint(`unix:${path}`), 'documented', {
      clock: systemClock,
      timeoutMs,
      waitMs: 10_000,
      url: `http://127.0.0.1:${port}`,
      only: new Set([id]),
    });
  } finally {
    proxy.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every third unrelated check also runs with a fault, rotating from fault to fault. */
const EVERY = 3;

const idsBeside = ({ isRacy }: ProxyFault, number: number): string[] =>
  isRacy === true ? [] : PROXY_CHECKS.flatMap(({ id }, at) => ((at + number) % EVERY === 0 ? [id] : []));

/** Runs checks, each on a proxy of its own, with a short timeout for the affected ones: some fail by waiting. */
async function checkAll(fault: string, ids: readonly string[], hurt: readonly string[] = []): Promise<CheckResult[]> {
  const runs = ids.map((id) => checkOne(fault, id, hurt.includes(id) ? 2_000 : 20_000));
  return (await Promise.all(runs)).flat();
}

const idsOf = (results: readonly CheckResult[], outcome: CheckResult['outcome']): string[] =>
  results.flatMap((result) => (result.outcome === outcome ? [result.id] : [])).toSorted();

const resultsOf = new Map<string, readonly CheckResult[]>();

/** Checks one fault after the other until none is left. */
async function checkFaults(faults: Iterator<readonly [number, ProxyFault]>): Promise<void> {
  for (let next = faults.next(); next.done !== true; next = faults.next()) {
    const [number, fault] = next.value;
    const hurt = [fault.check, ...(fault.also ?? []), ...(fault.skipped ?? [])];
    const ids = new Set([...hurt, ...idsBeside(fault, number)]);
    resultsOf.set(fault.fault, await checkAll(fault.fault, [...ids], hurt));
  }
}

describe('the smallest proxy', () => {
  beforeAll(async () => {
    const faults = PROXY_FAULTS.entries();
    await Promise.all(Array.from({ length: AT_A_TIME }, () => checkFaults(faults)));
  }, 240_000);

  test('without a fault passes every check', { timeout: 60_000 }, async () => {
    const results = await checkAll(
      'none',
      PROXY_CHECKS.map(({ id }) => id),
    );
    expect(results.filter(({ outcome }) => outcome !== 'pass')).toEqual([]);
    expect(results.map(({ id }) => id)).toEqual(PROXY_CHECKS.map(({ id }) => id));
  });

  test.each(PROXY_FAULTS)('with the fault $fault fails $check', ({ fault, check, words, also = [], skipped = [] }) => {
    const results = resultsOf.get(fault) ?? [];
    expect(results.find(({ id }) => id === check)).toMatchObject({
      outcome: 'fail',
      reason: expect.stringContaining(words),
    });
    expect(idsOf(results, 'fail')).toEqual([check, ...also].toSorted());
    expect(idsOf(results, 'skip')).toEqual([...skipped].toSorted());
  });

  test('has a fault for every check', () => {
    const seen = new Set(PROXY_FAULTS.map(({ check }) => check));
    expect(PROXY_CHECKS.map(({ id }) => id).filter((id) => !seen.has(id))).toEqual([]);
  });
});
