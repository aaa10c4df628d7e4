// killed.ts FOLDER BACKING: starts itself as a writer of 20 MiB, kills it, and tells what it left behind.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statfsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { LargeBodyBuffer } from '../../src/index.ts';
import { MIB, fill } from '../bodies.ts';

const [folder = '', backing = '', role = ''] = process.argv.slice(2);
const usedBytes = (): number => {
  const { blocks, bfree, bsize } = statfsSync(folder);
  return (blocks - bfree) * bsize;
};

if (role === 'writer') {
  const options = { tempDir: folder, backing: backing as 'mmap' | 'file' };
  const [open, read] = [new LargeBodyBuffer(options), new LargeBodyBuffer(options)];
  fill(open, 10 * MIB);
  fill(read, 10 * MIB);
  const slice = read.asSlice();
  setInterval(() => slice.length + open.length, 60_000); // keeps both, and waits to be killed
  process.stdout.write('ready\n');
} else {
  const before = usedBytes();
  const args = [...process.execArgv, fileURLToPath(import.meta.url), folder, backing, 'writer'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const during = usedBytes();
  const names = readdirSync(folder).length;
  child.kill('SIGKILL');
  const [, signal] = (await once(child, 'close')) as [unknown, string];
  const left = { names: readdirSync(folder).length, bytes: usedBytes() - before };
  process.stdout.write(`${JSON.stringify({ signal, during: { names, bytes: during - before }, left })}\n`);
}
