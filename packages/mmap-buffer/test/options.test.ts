import { expect, test } from 'vitest';

import { BodyQuota, LARGE_BODY_BUFFER_DEFAULTS, LargeBodyBuffer, type LargeBodyBufferOptions } from '../src/index.ts';
import { resolveLargeBodyBufferOptions } from '../src/large-body-options.ts';
import { tempDir } from './temp-dir.ts';
import { thrownBy } from './thrown-by.ts';

test('has the documented defaults', () => {
  expect(resolveLargeBodyBufferOptions()).toEqual(LARGE_BODY_BUFFER_DEFAULTS);
  expect(LARGE_BODY_BUFFER_DEFAULTS).toMatchObject({ mmapThreshold: 1_048_576, maxBodySize: 104_857_600 });
});

test.each([
  [{ mmapThreshold: '1' }, 'mmapThreshold must be an integer'],
  [{ mmapThreshold: -1 }, 'mmapThreshold must be an integer'],
  [{ maxBodySize: 1.5 }, 'maxBodySize must be an integer'],
  [{ maxBodySize: Infinity }, 'maxBodySize must be an integer'],
  [{ tempDir: '' }, 'tempDir must be a string that is not empty'],
  [{ tempDir: 7 }, 'tempDir must be a string that is not empty'],
  [{ quota: 7 }, 'quota must be a BodyQuota'],
  [{ backing: 'ram' }, 'backing must be one of auto, mmap, file'],
  [{ threshold: 1 }, 'LargeBodyBuffer has no option "threshold"'],
])('refuses %j', (options, message) => {
  const error = thrownBy(() => new LargeBodyBuffer(options as LargeBodyBufferOptions));
  expect(error.code).toBe('ERR_INVALID_ARGUMENT');
  expect(error.message).toContain(message);
});

test('checks the options of a quota', () => {
  expect(thrownBy(() => new BodyQuota({ maxBytes: -1 })).code).toBe('ERR_INVALID_ARGUMENT');
  expect(thrownBy(() => new BodyQuota({ max: 1 } as object)).code).toBe('ERR_INVALID_ARGUMENT');
});

test('counts all buffers of a quota, and leaves a body that does not fit unchanged', () => {
  const quota = new BodyQuota({ maxBytes: 10 });
  const options = { tempDir: tempDir(), quota, mmapThreshold: 4 };
  using first = new LargeBodyBuffer(options);
  using second = new LargeBodyBuffer(options);
  first.writeChunk(Buffer.from('123'));
  second.writeChunk(Buffer.from('123456'));
  const error = thrownBy(() => first.writeChunk(Buffer.from('45')));
  expect(error.code).toBe('ERR_NO_SPACE');
  expect(error.message).toBe('2 more bytes do not fit into the quota of 10, 9 are in use');
  expect(Buffer.from(first.asSlice()).toString()).toBe('123');
  second.clear();
  first.writeChunk(Buffer.from('4567890'));
  expect(quota.usedBytes).toBe(10);
  expect(first.intoVec()).toHaveLength(10);
  expect(quota.usedBytes).toBe(0);
});

test.each([
  new ArrayBuffer(8),
  'text',
  [1, 2],
  new Uint16Array(2),
  new DataView(new ArrayBuffer(2)),
  { length: 3 },
  5,
  null,
  undefined,
])('writes no %o, and the quota stays a number', (chunk) => {
  const quota = new BodyQuota({ maxBytes: 10 });
  using buffer = new LargeBodyBuffer({ quota });
  const error = thrownBy(() => buffer.writeChunk(chunk as Uint8Array));
  expect([error.code, buffer.length, quota.usedBytes]).toEqual(['ERR_INVALID_ARGUMENT', 0, 0]);
  buffer.writeChunk(new Uint8Array(3));
  expect(quota.usedBytes).toBe(3);
});

test.each([Number.NaN, -1, 1.5, Infinity, '1', undefined])('a quota neither takes nor gives %s bytes', (bytes) => {
  const quota = new BodyQuota({ maxBytes: 10 });
  quota.take(4);
  expect(thrownBy(() => quota.take(bytes as number)).code).toBe('ERR_INVALID_ARGUMENT');
  expect(thrownBy(() => quota.give(bytes as number)).code).toBe('ERR_INVALID_ARGUMENT');
  expect(thrownBy(() => quota.give(5)).code).toBe('ERR_INVALID_ARGUMENT');
  expect(quota.usedBytes).toBe(4);
});
