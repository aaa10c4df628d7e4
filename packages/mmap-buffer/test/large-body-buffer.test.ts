import { describe, expect, test } from 'vitest';

import { LargeBodyBuffer, createLargeBodyBuffer } from '../src/index.ts';
import { MIB, fill, sha256, sha256OfStream } from './bodies.ts';
import { isUnused, tempDir } from './temp-dir.ts';
import { thrownBy } from './thrown-by.ts';

describe.each(['mmap', 'file'] as const)('LargeBodyBuffer, backing %s', (backing) => {
  test.each([1, 1_000, MIB - 1, MIB, MIB + 1, 5_000_000, 100 * MIB])(
    'keeps a body of %i bytes',
    { timeout: 60_000 },
    async (size) => {
      const folder = tempDir();
      using buffer = createLargeBodyBuffer({ tempDir: folder, backing });
      const hash = fill(buffer, size);
      expect(buffer.length).toBe(size);
      expect(buffer.isEmpty).toBe(false);
      expect(buffer.isMmap).toBe(backing === 'mmap' && size >= MIB);
      expect(await sha256OfStream(buffer.readable())).toBe(hash);
      expect(sha256(buffer.asSlice())).toBe(hash);
      expect(buffer.asSlice()).toHaveLength(size);
      expect(await sha256OfStream(buffer.readable())).toBe(hash);
      expect(sha256(buffer.intoVec())).toBe(hash);
      expect(buffer.isEmpty).toBe(true);
      expect(isUnused(folder)).toBe(true);
    },
  );

  test('moves to the file with the byte that reaches the threshold, not before', () => {
    const folder = tempDir();
    using buffer = createLargeBodyBuffer({ tempDir: folder, backing, mmapThreshold: 10 });
    buffer.writeChunk(Buffer.from('012345678'));
    expect(isUnused(folder)).toBe(true);
    expect(buffer.isMmap).toBe(false);
    buffer.writeChunk(Buffer.from('9'));
    expect(isUnused(folder)).toBe(false);
    expect(buffer.isMmap).toBe(backing === 'mmap');
    expect(Buffer.from(buffer.asSlice()).toString()).toBe('0123456789');
  });

  test('puts everything into the file with a threshold of 0, and nothing without a byte', () => {
    const folder = tempDir();
    using buffer = createLargeBodyBuffer({ tempDir: folder, backing, mmapThreshold: 0 });
    buffer.writeChunk(new Uint8Array());
    expect(buffer.isEmpty).toBe(true);
    expect(buffer.asSlice()).toHaveLength(0);
    expect(isUnused(folder)).toBe(true);
    buffer.writeChunk(Buffer.from('x'));
    expect(buffer.isMmap).toBe(backing === 'mmap');
    expect(buffer.toBytes()).toEqual(new Uint8Array(Buffer.from('x')));
  });

  test.each([10, 1_000])('takes exactly maxBodySize bytes, threshold %i', (mmapThreshold) => {
    const folder = tempDir();
    using buffer = createLargeBodyBuffer({ tempDir: folder, backing, mmapThreshold, maxBodySize: 100 });
    buffer.writeChunk(new Uint8Array(100));
    expect(buffer.length).toBe(100);
    const slice = buffer.asSlice();
    const error = thrownBy(() => buffer.writeChunk(new Uint8Array(1)));
    expect(error.code).toBe('ERR_BODY_TOO_LARGE');
    expect(error.message).toBe('the body is longer than 100 bytes');
    expect(slice).toHaveLength(0);
    expect(isUnused(folder)).toBe(true);
    // a caller that ignores the error must not get the tail as the body
    const calls = [() => buffer.writeChunk(new Uint8Array(1)), () => buffer.asSlice(), () => buffer.intoVec()];
    for (const call of [...calls, () => buffer.asMutSlice(), () => buffer.readable()]) {
      expect(thrownBy(call).code).toBe('ERR_BODY_TOO_LARGE');
    }
    buffer.clear();
    buffer.writeChunk(new Uint8Array(100));
    expect(buffer.length).toBe(100);
  });

  test('refuses one chunk that is too large without touching the disk', () => {
    const folder = tempDir();
    using buffer = createLargeBodyBuffer({ tempDir: folder, backing, mmapThreshold: 1, maxBodySize: 4 });
    expect(thrownBy(() => buffer.writeChunk(new Uint8Array(5))).code).toBe('ERR_BODY_TOO_LARGE');
    expect(isUnused(folder)).toBe(true);
  });

  test.each([2, 1_000])('detaches slices with the next change, threshold %i', (mmapThreshold) => {
    using buffer = createLargeBodyBuffer({ tempDir: tempDir(), backing, mmapThreshold });
    const changes = [
      () => buffer.writeChunk(Buffer.from('x')),
      () => buffer.asMutSlice(),
      () => buffer.intoVec(),
      () => buffer.clear(),
      () => buffer[Symbol.dispose](),
    ];
    for (const change of changes) {
      buffer.clear();
      buffer.writeChunk(Buffer.from('abc'));
      const slice = buffer.asSlice();
      expect(slice).toEqual(new Uint8Array([97, 98, 99]));
      change();
      expect(slice).toHaveLength(0);
      expect(slice[0] ?? 97).toBe(97);
    }
  });

  test('works again after each clear', () => {
    const folder = tempDir();
    using buffer = createLargeBodyBuffer({ tempDir: folder, backing, mmapThreshold: 2 });
    for (const text of ['first', 'x', 'third', '']) {
      buffer.writeChunk(Buffer.from(text));
      expect(Buffer.from(buffer.asSlice()).toString()).toBe(text);
      buffer.clear();
      buffer.clear();
      expect([buffer.length, buffer.isEmpty, buffer.isMmap]).toEqual([0, true, false]);
      expect(buffer.asSlice()).toHaveLength(0);
      expect(buffer.intoVec()).toHaveLength(0);
      expect(isUnused(folder)).toBe(true);
    }
  });

  test('takes its own slice as a chunk', () => {
    using buffer = createLargeBodyBuffer({ tempDir: tempDir(), backing, mmapThreshold: 5 });
    buffer.writeChunk(Buffer.from('ab'));
    for (let i = 0; i < 3; i++) buffer.writeChunk(buffer.asSlice());
    expect(Buffer.from(buffer.intoVec()).toString()).toBe('ab'.repeat(8));
  });

  test('returns memory that can be changed in place, and the next write keeps the change', () => {
    const folder = tempDir();
    using buffer = createLargeBodyBuffer({ tempDir: folder, backing, mmapThreshold: 4 });
    buffer.writeChunk(Buffer.from('hello'));
    buffer.asMutSlice()[0] = 0x6a;
    expect(buffer.isMmap).toBe(false);
    expect(isUnused(folder)).toBe(true);
    buffer.writeChunk(Buffer.from('!'));
    expect(buffer.isMmap).toBe(backing === 'mmap');
    expect(Buffer.from(buffer.asSlice()).toString()).toBe('jello!');
  });

  test.each([4, 1_000_000])('fails a stream whose body has gone, threshold %i', async (mmapThreshold) => {
    using buffer = createLargeBodyBuffer({ tempDir: tempDir(), backing, mmapThreshold });
    const size = 400_000;
    fill(buffer, size);
    const stream = buffer.readable();
    await expect(
      (async () => {
        for await (const _ of stream) buffer.clear();
      })(),
    ).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
    const hash = fill(buffer, size);
    expect(await sha256OfStream(buffer.readable())).toBe(hash);
  });

  test('names the missing folder', () => {
    using buffer = createLargeBodyBuffer({ tempDir: '/does/not/exist', backing, mmapThreshold: 4 });
    buffer.writeChunk(Buffer.from('abc'));
    const error = thrownBy(() => buffer.writeChunk(Buffer.from('d')));
    expect(error.code).toBe('ERR_IO');
    expect(error.message).toContain('/does/not/exist');
    expect(Buffer.from(buffer.intoVec()).toString()).toBe('abc');
  });
});

test('is exported as a class', () => {
  using buffer = new LargeBodyBuffer();
  expect(buffer.isEmpty).toBe(true);
});
