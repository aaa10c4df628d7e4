// workers.ts FOLDER BACKING: two worker threads with bodies at once; a third is terminated while it holds some.
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';

import { LargeBodyBuffer } from '../../src/index.ts';
import { MIB, fill, sha256 } from '../bodies.ts';

const [folder = '', backing = ''] = process.argv.slice(2);
const make = (): LargeBodyBuffer => new LargeBodyBuffer({ tempDir: folder, backing: backing as 'mmap' | 'file' });

if (isMainThread) {
  const script = fileURLToPath(import.meta.url);
  const start = (task: string): Worker => new Worker(script, { argv: [folder, backing], workerData: task });
  const workers = [start('work'), start('work'), start('hold')];
  const ended = workers.map((worker) => once(worker, 'exit'));
  const answers = await Promise.all(workers.map(async (worker) => ((await once(worker, 'message')) as unknown[])[0]));
  await workers[2]?.terminate();
  await Promise.all(ended);
  const mapped = readFileSync('/proc/self/maps', 'utf8').includes(`${folder}/`);
  process.stdout.write(`${JSON.stringify({ answers, mapped, names: readdirSync(folder).length })}\n`);
} else if (workerData === 'work') {
  let ok = true;
  for (let i = 0; i < 20; i++) {
    const buffer = make();
    const hash = fill(buffer, MIB + i * 10_000);
    ok &&= sha256(buffer.asSlice()) === hash;
    if (i % 2 === 0) buffer.clear();
  }
  parentPort?.postMessage(ok, []);
} else {
  const slices = Array.from({ length: 3 }, () => {
    const buffer = make();
    fill(buffer, MIB);
    return buffer.asSlice();
  });
  parentPort?.postMessage(slices.length === 3, []);
  parentPort?.on('message', () => slices.length); // stays until it is terminated
}
