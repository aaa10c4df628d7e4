import fc from 'fast-check';
import { expect, test } from 'vitest';

import { AgentwireError } from '@agentwire/core';

import { BodyQuota, LargeBodyBuffer } from '../src/index.ts';
import { isUnused, tempDir } from './temp-dir.ts';

const MAX = 40;
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write'), bytes: fc.uint8Array({ maxLength: 12 }) }) },
  fc.record({ kind: fc.constantFrom('slice', 'mutate', 'take', 'clear'), bytes: fc.constant(new Uint8Array()) }),
);

/** One step on the buffer; gives what the body must be afterwards, or `undefined` once it was too long. */
function apply(buffer: LargeBodyBuffer, body: number[], kind: string, bytes: Uint8Array): number[] | undefined {
  if (kind === 'write') {
    const next = [...body, ...bytes];
    if (next.length <= MAX) {
      buffer.writeChunk(bytes);
      return next;
    }
    expect(() => buffer.writeChunk(bytes)).toThrow(AgentwireError);
    return undefined;
  }
  if (kind === 'slice') expect(Array.from(buffer.asSlice())).toEqual(body);
  if (kind === 'mutate') {
    buffer.asMutSlice().reverse();
    return body.toReversed();
  }
  if (kind === 'take') expect(Array.from(buffer.intoVec())).toEqual(body);
  if (kind === 'clear') buffer.clear();
  return kind === 'slice' ? body : [];
}

test.each(['mmap', 'file'] as const)('behaves like an array, backing %s', { timeout: 30_000 }, (backing) => {
  const folder = tempDir();
  fc.assert(
    fc.property(fc.nat({ max: 50 }), fc.array(step, { maxLength: 12 }), (mmapThreshold, steps) => {
      const quota = new BodyQuota({ maxBytes: MAX });
      const buffer = new LargeBodyBuffer({ tempDir: folder, backing, mmapThreshold, maxBodySize: MAX, quota });
      let body: number[] | undefined = [];
      for (const { kind, bytes } of steps) {
        body = apply(buffer, body, kind, bytes);
        if (body === undefined) break;
        expect(buffer.length).toBe(body.length);
        expect(quota.usedBytes).toBe(body.length);
      }
      if (body !== undefined) expect(Array.from(buffer.asSlice())).toEqual(body);
      buffer.clear();
      expect(quota.usedBytes).toBe(0);
      expect(isUnused(folder)).toBe(true);
    }),
    { numRuns: 300 },
  );
});
