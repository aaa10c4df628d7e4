import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, onTestFinished, test } from 'vitest';
import { NamedFiles } from '../src/named-files.ts';
import { WatchedFiles } from '../src/watch/watched-files.ts';

function folder(): string {
  const path = mkdtempSync(`${tmpdir()}/aw-nf-`);
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('a reload reads regular files of a bounded length only: pipes and devices would stop the process that serves', () => {
  const path = folder();
  writeFileSync(`${path}/file`, 'text');
  writeFileSync(`${path}/long`, '');
  truncateSync(`${path}/long`, 4 * 1024 * 1024 + 1);
  execFileSync('mkfifo', [`${path}/pipe`]);
  // so that a reader fails too, and does not wait
  const writer = spawn('sh', ['-c', 'echo text > "$0"', `${path}/pipe`], { stdio: 'ignore' });
  onTestFinished(() => void writer.kill());
  symlinkSync('/dev/null', `${path}/device`);
  const files = new NamedFiles(undefined, true);
  const read = (name: string) => files.read('--config', `${path}/${name}`, 'x').toString();
  expect(read('file')).toBe('text');
  expect(() => read('pipe')).toThrow(`--config names ${path}/pipe, which cannot be read (no regular file)`);
  expect(() => read('device')).toThrow('(no regular file)');
  expect(() => read('long')).toThrow('(longer than 4194304 bytes)');
  expect(() => read('none')).toThrow('(ENOENT)');
  expect(() => read('')).toThrow('(EISDIR)');
});

test('a start reads what a shell gives in place of a file', () => {
  const path = folder();
  execFileSync('mkfifo', [`${path}/pipe`]);
  const writer = spawn('sh', ['-c', 'echo text > "$0"', `${path}/pipe`], { stdio: 'ignore' });
  onTestFinished(() => void writer.kill());
  expect(new NamedFiles().read('--config', `${path}/pipe`, 'x').toString()).toBe('text\n');
});

test('a watched file has changed where another one with the same time is in its place, as in images and stores', async () => {
  const path = folder();
  for (const name of ['before', 'after']) {
    writeFileSync(`${path}/${name}`, name);
    utimesSync(`${path}/${name}`, 1, 1);
  }
  const watched = new WatchedFiles();
  onTestFinished(() => watched.close());
  watched.add(`${path}/before`);
  // the first look is taken by a worker thread
  const ended = new AbortController();
  const changed = watched.changed(ended.signal);
  const replace = setInterval(() => {
    writeFileSync(`${path}/after`, 'after');
    utimesSync(`${path}/after`, 1, 1);
    renameSync(`${path}/after`, `${path}/before`);
  }, 20);
  onTestFinished(() => clearInterval(replace));
  expect(await changed).toBe(`${path}/before`);
});
