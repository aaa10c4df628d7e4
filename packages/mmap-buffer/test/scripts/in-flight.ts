// in-flight.ts FOLDER BACKING: clears bodies while other threads and the kernel still read their slices.
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { deflate } from 'node:zlib';

import { LargeBodyBuffer } from '../../src/index.ts';
import { MIB, fill } from '../bodies.ts';

const [folder = '', backing = ''] = process.argv.slice(2);
const uses: readonly ((slice: Uint8Array<ArrayBuffer>) => unknown)[] = [
  (slice) => promisify(deflate)(slice, { level: 1, chunkSize: 16 * MIB }),
  (slice) => crypto.subtle.digest('SHA-256', slice),
  (slice) => writeFile('/dev/null', slice),
  (slice) => new Response(slice).arrayBuffer(),
  (slice) => structuredClone(slice),
  // takes the memory from the buffer, as `ArrayBuffer.prototype.transfer` can at any time
  (slice) => Reflect.apply(Reflect.get(slice.buffer, 'transfer'), slice.buffer, []),
];
let settled = 0;
for (let round = 0; round < 3; round++) {
  const results: unknown[] = [];
  for (const use of uses) {
    const buffer = new LargeBodyBuffer({ tempDir: folder, backing: backing as 'mmap' | 'file' });
    fill(buffer, 8 * MIB);
    try {
      results.push(use(buffer.asSlice()));
    } catch (error) {
      results.push(error); // refused is fine, too
    }
    buffer.clear();
    globalThis.gc?.();
  }
  for (const result of await Promise.allSettled(results)) {
    if (result.status === 'fulfilled' && result.value instanceof ArrayBuffer)
      createHash('md5').update(new Uint8Array(result.value));
    settled++;
  }
  globalThis.gc?.();
}
process.stdout.write(`${JSON.stringify({ settled })}\n`);
