// collects a body in chunks of 64 KiB and hashes it, each way in a process of its own; prints time and peak memory.
//   node --conditions=@agentwire/source bench/bodies.ts
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { LargeBodyBuffer, type BodyBacking } from '../src/index.ts';

const MEGABYTE = 1_000_000;
const CHUNK = 65_536;
const chunk = Buffer.alloc(CHUNK, 'agentwire');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Hands `size` bytes out, each chunk in memory of its own as a socket does. */
function* body(size: number): Generator<Buffer, undefined> {
  for (let left = size; left > 0; left -= CHUNK) yield Buffer.from(chunk.subarray(0, Math.min(left, CHUNK)));
}

function collect(size: number, backing: BodyBacking): LargeBodyBuffer {
  const buffer = new LargeBodyBuffer({ maxBodySize: 2 * size, backing });
  for (const part of body(size)) buffer.writeChunk(part);
  return buffer;
}

const ways: Record<string, (size: number) => string | Promise<string>> = {
  'mmap, asSlice': (size) => {
    using buffer = collect(size, 'mmap');
    return sha256(buffer.asSlice());
  },
  'mmap, readable': async (size) => {
    using buffer = collect(size, 'mmap');
    const hash = createHash('sha256');
    for await (const part of buffer.readable()) hash.update(part as Buffer);
    return hash.digest('hex');
  },
  'no addon, asSlice': (size) => {
    using buffer = collect(size, 'file');
    return sha256(buffer.asSlice());
  },
  'Buffer.concat': (size) => sha256(Buffer.concat([...body(size)])),
  'growing Buffer': (size) => {
    let bytes = Buffer.alloc(CHUNK);
    let length = 0;
    for (const part of body(size)) {
      if (length + part.length > bytes.length) {
        const larger = Buffer.alloc(bytes.length * 2);
        bytes.copy(larger);
        bytes = larger;
      }
      length += part.copy(bytes, length);
    }
    return sha256(bytes.subarray(0, length));
  },
  'plain temp file': (size) => {
    const path = join(tmpdir(), `agentwire-bench-${process.pid}`);
    const fd = openSync(path, 'wx', 0o600);
    try {
      for (const part of body(size)) writeSync(fd, part);
      return sha256(readFileSync(path));
    } finally {
      closeSync(fd);
      rmSync(path);
    }
  },
};

/** Resident memory in MB: all of it at its peak, and what is not backed by a file (the heap) now. */
function memory(): { peak: number; heap: number } {
  const status = readFileSync('/proc/self/status', 'utf8');
  const of = (key: string): number => Number(new RegExp(`${key}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1_000;
  return { peak: of('VmHWM'), heap: of('RssAnon') };
}

const [way = '', megabytes = ''] = process.argv.slice(2);
const run = ways[way];
if (run === undefined) {
  const rows: Record<string, string | number>[] = [];
  for (const size of [1, 10, 100]) {
    const hashes = new Set<string>();
    for (const name of Object.keys(ways)) {
      const outcomes = Array.from({ length: 5 }, () => {
        const args = [...process.execArgv, fileURLToPath(import.meta.url), name, String(size)];
        return JSON.parse(spawnSync(process.execPath, args, { encoding: 'utf8' }).stdout) as Record<string, number>;
      });
      const least = (key: string): number => Math.round(Math.min(...outcomes.map((one) => one[key] ?? 0)) * 10) / 10;
      for (const { hash } of outcomes) hashes.add(String(hash));
      rows.push({ MB: size, way: name, ms: least('ms'), 'peak RSS +MB': least('peak'), 'heap +MB': least('heap') });
    }
    if (hashes.size !== 1) throw new Error('the ways do not agree on the body');
  }
  console.table(rows);
} else {
  await run(CHUNK); // loads what is needed
  const before = memory();
  const start = performance.now();
  const hash = await run(Number(megabytes) * MEGABYTE);
  const ms = performance.now() - start;
  const { peak, heap } = memory();
  const figures = { hash, ms, peak: peak - before.peak, heap: Math.max(0, heap - before.heap) };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}
