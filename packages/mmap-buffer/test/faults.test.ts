import { describe, expect, test } from 'vitest';

import { MIB } from './bodies.ts';
import { onTmpfs, runScript } from './run-script.ts';
import { tempDir } from './temp-dir.ts';

interface FullDisk {
  readonly codes: string[];
  readonly written: number;
  readonly length: number;
  readonly intact: boolean;
  readonly small: number;
  readonly names: number;
  readonly freed: number;
}

/** Checks a script that runs out of space; `limit` is the capacity of the disk. */
function expectRefusal(
  { signal, status, stderr, result }: ReturnType<typeof runScript<FullDisk>>,
  limit: number,
): void {
  expect({ signal, status, stderr }).toEqual({ signal: null, status: 0, stderr: '' });
  expect(result).toMatchObject({ codes: ['ERR_NO_SPACE', 'ERR_NO_SPACE'], intact: true, small: 100, names: 0 });
  expect(result?.length).toBe(result?.written);
  expect(result?.written).toBeGreaterThan(limit - 60_000);
  expect(result?.written).toBeLessThanOrEqual(limit);
}

describe.runIf(process.platform === 'linux').each(['mmap', 'file'])('backing %s', (backing) => {
  test('throws ERR_NO_SPACE on a full disk of 1 MiB', { timeout: 30_000 }, (context) => {
    const folder = tempDir();
    const wrap = onTmpfs(folder, '1m');
    context.skip(wrap === undefined, 'NOT TESTED: no tmpfs can be mounted here');
    const outcome = runScript<FullDisk>(new URL('./scripts/full-disk.ts', import.meta.url), [folder, backing], wrap);
    expectRefusal(outcome, MIB);
    expect(outcome.result?.freed).toBe(0);
    console.log(`full disk, ${backing}: ${JSON.stringify(outcome.result)}`);
  });

  test('throws ERR_NO_SPACE at the file size limit of the process', { timeout: 30_000 }, () => {
    const wrap = ['bash', '-c', 'ulimit -f 1024 && exec "$@"', 'bash'];
    const outcome = runScript<FullDisk>(new URL('./scripts/full-disk.ts', import.meta.url), [tempDir(), backing], wrap);
    expectRefusal(outcome, MIB);
    console.log(`file size limit, ${backing}: ${JSON.stringify(outcome.result)}`);
  });

  test('leaves nothing on disk when it is killed', { timeout: 30_000 }, () => {
    const folder = tempDir();
    const wrap = onTmpfs(folder, '64m'); // which says it when the space cannot be tested
    const outcome = runScript<{ during: { bytes: number } }>(
      new URL('./scripts/killed.ts', import.meta.url),
      [folder, backing],
      wrap,
    );
    expect(outcome.result).toMatchObject({ signal: 'SIGKILL', during: { names: 0 }, left: { names: 0 } });
    console.log(`SIGKILL, ${backing}: ${JSON.stringify(outcome.result)}`);
    if (wrap === undefined) return;
    expect(outcome.result).toMatchObject({ left: { bytes: 0 } });
    expect(outcome.result?.during.bytes).toBeGreaterThanOrEqual(20 * MIB);
  });

  test('keeps eight bodies of 100 MiB in less than 128 MB of memory', { timeout: 120_000 }, () => {
    const { status, stderr, result } = runScript<Record<string, number>>(
      new URL('./scripts/many.ts', import.meta.url),
      [tempDir(), backing],
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(result).toMatchObject({ ok: true, mapped: false });
    expect(result?.['rssGrowth']).toBeLessThan(128_000_000);
    expect(result?.['heapGrowth']).toBeLessThan(128_000_000);
    console.log(`8 × 100 MiB, ${backing}: ${JSON.stringify(result)}`);
  });

  test('frees buffers that were collected without clear', { timeout: 60_000 }, () => {
    const { status, stderr, result } = runScript(new URL('./scripts/forgotten.ts', import.meta.url), [
      tempDir(),
      backing,
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const maps = backing === 'mmap' ? 1 : 0; // of the slice that is still in use
    expect(result).toMatchObject({ before: true, still: { open: 0, maps, quota: 0 }, intact: true });
  });

  test('works in worker threads and cleans up after them', { timeout: 60_000 }, () => {
    const { signal, status, stderr, result } = runScript(new URL('./scripts/workers.ts', import.meta.url), [
      tempDir(),
      backing,
    ]);
    expect({ signal, status, stderr }).toEqual({ signal: null, status: 0, stderr: '' });
    expect(result).toEqual({ answers: [true, true, true], mapped: false, names: 0 });
  });
});

test.runIf(process.platform !== 'linux')('is not tested here', () => {
  console.error('*** NOT TESTED: disk faults need /proc and tmpfs, that is Linux ***');
});
