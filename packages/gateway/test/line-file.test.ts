import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createManualClock } from '@agentwire/core/testing';
import { expect, onTestFinished, test } from 'vitest';
import { lineFile } from '../src/access-log/line-file.ts';
import { LineWriter } from '../src/access-log/line-writer.ts';

const SCRIPT = fileURLToPath(new URL('support/append-lines.ts', import.meta.url));
const ARGS = ['--conditions=@agentwire/source', '--disable-warning=ExperimentalWarning', SCRIPT];

function newFile(content?: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'agentwire-lines-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'lines');
  if (content !== undefined) writeFileSync(file, content);
  return file;
}

test('processes that write one file at once leave every line whole', async () => {
  const file = newFile();
  const writers = ['a', 'b', 'c'].map((letter) => spawn(process.execPath, [...ARGS, file, letter]));
  const ends = writers.map((writer) => once(writer, 'close'));
  await Promise.all(writers.map(({ stdout }) => once(stdout, 'data')));
  for (const { stdin } of writers) stdin.end();
  expect((await Promise.all(ends)).map(([status]) => status as number)).toEqual([0, 0, 0]);
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  for (const letter of ['a', 'b', 'c']) expect(lines.filter((line) => line === letter.repeat(4_000))).toHaveLength(900);
  expect(lines).toHaveLength(2_700);
}, 20_000);

test('a file that takes a part has its whole lines, tells the cause, and ends the half line before the next one', () => {
  const file = newFile();
  // dash counts blocks of 512 bytes, bash of 1024: 4096 bytes
  const limited = 'ulimit -f 8; [ "$(ulimit -f)" = 8 ] && [ -n "$BASH_VERSION" ] && ulimit -f 4; exec "$@"';
  const out = execFileSync('sh', ['-c', limited, 'sh', process.execPath, ...ARGS, file, 'full']).toString();
  expect(JSON.parse(out)).toEqual([
    [2, 'EFBIG'],
    [0, 'EFBIG'],
    [2, null],
  ]);
  const lines = readFileSync(file, 'utf8').split('\n');
  expect(lines.map((line) => [line[0], line.length])).toEqual([
    ['a', 1_499],
    ['b', 1_499],
    ['c', 100],
    ['f', 9],
    ['g', 9],
    [undefined, 0],
  ]);
});

test('a half line of another process is ended once, and a file that cannot be read is appended to', async () => {
  const file = newFile('half');
  const [one, other] = [
    await lineFile(file, { mode: 0o600, pipeFlags: 'a' }),
    await lineFile(file, { mode: 0o600, pipeFlags: 'a' }),
  ];
  expect(await one.write(['1\n'])).toEqual({ lines: 1 });
  expect(await other.write(['2\n', '3\n'])).toEqual({ lines: 2 });
  expect(await one.write(['4\n'])).toEqual({ lines: 1 });
  await Promise.all([one.close(), other.close()]);
  expect(readFileSync(file, 'utf8')).toBe('half\n1\n2\n3\n4\n');
  chmodSync(file, 0o200);
  const blind = await lineFile(file, { mode: 0o600, pipeFlags: 'a' });
  await blind.write(['5\n']);
  await blind.close();
  chmodSync(file, 0o600);
  expect(readFileSync(file, 'utf8')).toBe('half\n1\n2\n3\n4\n5\n');
});

test('lines that a failed write loses are not told as those of a slow destination', async () => {
  const told: unknown[] = [];
  const failure = new Error('no space left');
  let left = 1;
  const writer = await LineWriter.open({
    clock: createManualClock(),
    open: () =>
      Promise.resolve({
        write: (lines) => Promise.resolve(left-- > 0 ? { lines: 1, error: failure } : { lines: lines.length }),
        close: () => Promise.resolve(),
      }),
    onDropped: (lines) => told.push(['slow', lines]),
    onError: (error, what, lines) => told.push([(error as Error).message, what, lines]),
  });
  for (const line of ['1\n', '2\n', '3\n']) writer.push(line, 6);
  writer.push('4\n', 6);
  await writer.end();
  expect([writer.written, writer.dropped, writer.waitingBytes]).toEqual([1, 3, 0]);
  expect(told).toEqual([
    ['no space left', 'write', 2],
    ['slow', 1],
  ]);
  await writer.close();
});
