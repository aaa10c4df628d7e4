// Process of line-file.test.ts: `append-lines.ts FILE LETTER` appends 900 lines of 4 kB in three writes, once its stdin ends.
// `append-lines.ts FILE full` runs where a file may have 4096 bytes: it writes past that, cuts the file, and writes again.
import { truncateSync } from 'node:fs';
import { lineFile } from '../../src/access-log/line-file.ts';

const [file = '', what = ''] = process.argv.slice(2);
const sink = await lineFile(file, { mode: 0o600, pipeFlags: 'a' });
const line = (letter: string, characters: number): string => `${letter.repeat(characters)}\n`;

if (what === 'full') {
  const first = await sink.write([line('a', 1_499), line('b', 1_499), line('c', 1_499), line('d', 1_499)]);
  const second = await sink.write([line('e', 9)]);
  truncateSync(file, 3_100);
  const third = await sink.write([line('f', 9), line('g', 9)]);
  const shown = [first, second, third].map(({ lines, error }) => [lines, (error as NodeJS.ErrnoException)?.code]);
  process.stdout.write(JSON.stringify(shown));
} else {
  process.stdout.write('ready');
  await new Promise((resolve) => process.stdin.resume().once('end', resolve));
  for (let count = 0; count < 3; count++) await sink.write(Array.from({ length: 300 }, () => line(what, 4_000)));
}
await sink.close();
