// forgotten.ts FOLDER BACKING: drops buffers without clear, collects garbage, and tells what is still held.
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';

import { BodyQuota, LargeBodyBuffer } from '../../src/index.ts';
import { MIB, fill, sha256 } from '../bodies.ts';

const [folder = '', backing = ''] = process.argv.slice(2);
const quota = new BodyQuota();

const openFiles = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${folder}/`);
    } catch {
      return false;
    }
  }).length;
const maps = (): number =>
  readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`${folder}/`)).length;
const held = (): number => openFiles() + maps() + quota.usedBytes;

function make(): LargeBodyBuffer {
  const buffer = new LargeBodyBuffer({ tempDir: folder, backing: backing as 'mmap' | 'file', quota });
  fill(buffer, 2 * MIB);
  return buffer;
}

for (let i = 0; i < 10; i++) {
  make(); // open file, never read
  make().asSlice(); // mapped, or read
}
const before = held();
/** A slice outlives its buffer. */
const kept = make().asSlice();
const hash = sha256(kept);
let rounds = 0;
while (rounds < 100 && openFiles() + maps() + quota.usedBytes > (backing === 'mmap' ? 1 : 0)) {
  globalThis.gc?.();
  await setImmediate();
  rounds++;
}
const still = { open: openFiles(), maps: maps(), quota: quota.usedBytes };
process.stdout.write(`${JSON.stringify({ before: before > 0, rounds, still, intact: sha256(kept) === hash })}\n`);
