// full-disk.ts FOLDER BACKING: writes until the disk is full, and tells what happened.
import { readdirSync, statfsSync } from 'node:fs';

import { AgentwireError } from '@agentwire/core';

import { LargeBodyBuffer } from '../../src/index.ts';
import { chunksOf, sha256 } from '../bodies.ts';

const [folder = '', backing = ''] = process.argv.slice(2);
const options = { tempDir: folder, backing: backing as 'mmap' | 'file', mmapThreshold: 1_000 };
const free = (): number => statfsSync(folder).bfree;

const freeBefore = free();
const buffer = new LargeBodyBuffer(options);
const codes: string[] = [];
let written = 0;
for (const chunk of chunksOf(3 * 1024 ** 2, 10_000)) {
  try {
    buffer.writeChunk(chunk);
    written += chunk.length;
  } catch (error) {
    codes.push(error instanceof AgentwireError ? error.code : String(error));
    if (codes.length === 2) break;
  }
}
// the bytes written before can still be read through the mapping and changed, with the disk full
const slice = buffer.asSlice();
const expected = Buffer.concat(Array.from(chunksOf(3 * 1024 ** 2, 10_000), (chunk) => chunk.slice())).subarray(
  0,
  written,
);
const intact = sha256(slice) === sha256(expected);
slice.fill(7);
const small = new LargeBodyBuffer(options);
small.writeChunk(new Uint8Array(100));
const { length } = buffer;
buffer.clear();
const result = { codes, written, length, intact, small: small.length, names: readdirSync(folder).length };
process.stdout.write(`${JSON.stringify({ ...result, freed: free() - freeBefore })}\n`);
