import { ftruncateSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { createLargeBodyBuffer } from '../src/index.ts';
import { MIB, fill, sha256 } from './bodies.ts';
import { runScript } from './run-script.ts';
import { isUnused, mappedFrom, openIn, tempDir } from './temp-dir.ts';
import { thrownBy } from './thrown-by.ts';

describe.runIf(process.platform === 'linux').each(['mmap', 'file'] as const)('backing %s', (backing) => {
  test.each([0, 1_000, 2 * MIB - 1])('detects that code of this process truncated its file to %i bytes', (length) => {
    const folder = tempDir();
    using buffer = createLargeBodyBuffer({ tempDir: folder, backing });
    fill(buffer, 2 * MIB);
    for (const fd of openIn(folder)) ftruncateSync(fd, length);
    buffer.writeChunk(new Uint8Array(10));
    for (const read of [() => buffer.asSlice(), () => buffer.asMutSlice(), () => buffer.intoVec()]) {
      const error = thrownBy(read);
      expect(error.code).toBe('ERR_IO');
      expect(error.message).toContain('has lost bytes');
    }
    buffer.clear();
    expect(isUnused(folder)).toBe(true);
  });

  test('fails a stream over a truncated file', async () => {
    const folder = tempDir();
    using buffer = createLargeBodyBuffer({ tempDir: folder, backing });
    fill(buffer, 2 * MIB);
    for (const fd of openIn(folder)) ftruncateSync(fd, 70_000);
    await expect(buffer.readable().toArray()).rejects.toMatchObject({ code: 'ERR_IO' });
  });
});

describe.runIf(process.platform === 'linux')('a mapped body', () => {
  test('has no descriptor in this process that could truncate its file', () => {
    const folder = tempDir();
    using buffer = createLargeBodyBuffer({ tempDir: folder, backing: 'mmap' });
    const hash = fill(buffer, 2 * MIB);
    expect(openIn(folder)).toHaveLength(1);
    const slice = buffer.asSlice();
    expect([openIn(folder).length, mappedFrom(folder)]).toEqual([0, 1]);
    expect(sha256(slice)).toBe(hash);
    buffer.writeChunk(new Uint8Array(1)); // moves to a new file
    expect([openIn(folder).length, mappedFrom(folder)]).toEqual([1, 0]);
    expect(sha256(buffer.asSlice().subarray(0, 2 * MIB))).toBe(hash);
  });

  test('can be cleared while other threads read it', { timeout: 60_000 }, () => {
    const { signal, status, stderr, result } = runScript(new URL('./scripts/in-flight.ts', import.meta.url), [
      tempDir(),
      'mmap',
    ]);
    expect({ signal, status, stderr }).toEqual({ signal: null, status: 0, stderr: '' });
    expect(result).toEqual({ settled: 18 });
  });
});
