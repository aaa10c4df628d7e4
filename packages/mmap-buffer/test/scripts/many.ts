// many.ts FOLDER BACKING: eight bodies of 100 MiB at once, and how resident memory grows.
import { readFileSync } from 'node:fs';

import { LargeBodyBuffer } from '../../src/index.ts';
import { MIB, chunksOf, fill, sha256, sha256OfStream } from '../bodies.ts';

const [folder = '', backing = ''] = process.argv.slice(2);
const memory = (key: string): number =>
  Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;

const warm = new LargeBodyBuffer({ tempDir: folder, backing: backing as 'mmap' | 'file' });
const hash = fill(warm, 2 * MIB);
for (const _ of chunksOf(20 * MIB)) globalThis.gc?.();
await sha256OfStream(warm.readable());
const ok = [hash === sha256(warm.asSlice())];
warm.clear();

const rssBefore = memory('VmRSS');
const heapBefore = memory('RssAnon');
const buffers = Array.from(
  { length: 8 },
  () => new LargeBodyBuffer({ tempDir: folder, backing: backing as 'mmap' | 'file' }),
);
const hashes = buffers.map((buffer) => fill(buffer, 100 * MIB));
for (const [i, buffer] of buffers.entries()) ok.push((await sha256OfStream(buffer.readable())) === hashes[i]);
/** Peak of everything resident, after all eight were written and streamed. */
const rssGrowth = memory('VmHWM') - rssBefore;
let heapGrowth = memory('RssAnon') - heapBefore;
if (backing === 'mmap') {
  for (const [i, buffer] of buffers.entries()) ok.push(sha256(buffer.asSlice()) === hashes[i]);
  heapGrowth = Math.max(heapGrowth, memory('RssAnon') - heapBefore);
}
for (const buffer of buffers) buffer.clear();
const mapped = readFileSync('/proc/self/maps', 'utf8').includes(`${folder}/`);
const afterClear = memory('VmRSS') - rssBefore;
process.stdout.write(`${JSON.stringify({ ok: !ok.includes(false), rssGrowth, heapGrowth, afterClear, mapped })}\n`);
