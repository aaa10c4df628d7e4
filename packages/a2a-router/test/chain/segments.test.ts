import { generateKeyPairSync } from 'node:crypto';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { createChain, type ChainOptions, verifyChainFile } from '../../src/index.ts';
import { readGrowingLines } from '../../src/chain/chain-lines.ts';
import { openCurrent, realChainPath, segmentsBefore, withFile } from '../../src/chain/chain-segments.ts';
import { newFolder } from '../folder.ts';

const key = new Uint8Array(32).fill(7);
const key2 = new Uint8Array(32).fill(8);
const signing = generateKeyPairSync('ed25519');

it('puts segments aside; old ones verify alone, and all as a row, across keys and signatures', async () => {
  const path = join(newFolder(), 'audit.ndjson');
  const chain = createChain({ key, path });
  const first = await chain.append('test', 'one', { n: 1 });
  await chain.rotate();
  await chain.append('test', 'two');
  await chain.rotate({ key: key2 });
  await chain.append('test', 'three');
  await chain.rotate({ signingKey: signing.privateKey });
  await chain.append('test', 'four');
  expect(() => chain.verify(chain.head)).not.toThrow();
  const { head } = chain;
  await chain.close();
  const keys = [key2, key, signing.publicKey];
  expect(verifyChainFile(path, { key: keys, segments: true, head })).toMatchObject({ ok: true, segment: 4, head });
  expect(verifyChainFile(path, { key: keys, segments: true, head: `1:${first.hash}` })).toMatchObject({ ok: true });
  expect(verifyChainFile(path, { key: signing.publicKey, head })).toMatchObject({ ok: true, segment: 4 });
  expect(verifyChainFile(`${path}.000001`, { key })).toMatchObject({ ok: true, segment: 1, entries: 2 });
  expect(verifyChainFile(`${path}.000002`, { key })).toMatchObject({ ok: true, segment: 2 });
  expect(verifyChainFile(`${path}.000003`, { key: key2 }).summary).toContain('segment   3, after ');
  expect(verifyChainFile(`${path}.000003`, { key })).toMatchObject({ ok: false });
  expect(verifyChainFile(path, { key: [key, key2], segments: true })).toMatchObject({ ok: false });
  const again = createChain({ signingKey: signing.privateKey, path, head });
  await again.append('test', 'five');
  await again.close();
  expect(verifyChainFile(path, { key: keys, segments: true, head })).toMatchObject({ ok: true });
  // Segments of a row cannot be left out, swapped or cut.
  const second = `${path}.000002`;
  copyFileSync(second, `${path}.copy`);
  rmSync(second);
  expect(verifyChainFile(path, { key: keys, segments: true }).problem).toContain('not the end of the segment before');
  copyFileSync(`${path}.000003`, second);
  expect(verifyChainFile(path, { key: keys, segments: true })).toMatchObject({ ok: false });
  copyFileSync(`${path}.copy`, second);
  const lines = readFileSync(second, 'utf8').trimEnd().split('\n');
  writeFileSync(second, `${lines.slice(0, -1).join('\n')}\n`);
  expect(verifyChainFile(path, { key: keys, segments: true })).toMatchObject({ ok: false });
});

it('rotates by size, loses nothing meanwhile, and opens by reading the last segment only', async () => {
  const path = join(newFolder(), 'audit.ndjson');
  const options: ChainOptions = { key, path, maxSegmentBytes: 4096 };
  const chain = createChain(options);
  for (let round = 0; round < 20; round += 1)
    await Promise.all(
      Array.from({ length: 10 }, (_, n) => chain.append('test', 'event', { n, text: 'x'.repeat(100) })),
    );
  await chain.close();
  const segments = readdirSync(join(path, '..')).filter((file) => /\.\d{6}$/.test(file));
  expect(segments.length).toBeGreaterThan(5);
  const report = verifyChainFile(path, { key, segments: true, head: chain.head });
  expect(report).toMatchObject({ ok: true, entries: 201 + segments.length, segment: segments.length + 1 });
  for (const segment of segments) writeFileSync(join(path, '..', segment), 'gone');
  const again = createChain(options);
  expect(again.length).toBe(201 + segments.length);
  await again.close();
});

it('ends a rotation that a crash interrupted', async () => {
  const path = join(newFolder(), 'audit.ndjson');
  const chain = createChain({ format: 1, path });
  await chain.rotate();
  await chain.close();
  // Between the two renames only the new segment's first name is there.
  renameSync(path, `${path}.next`);
  const after = createChain({ format: 1, path });
  await after.append('test', 'x');
  await after.close();
  expect(verifyChainFile(path, { segments: true })).toMatchObject({ ok: true, segment: 2 });
  // Before them it is of no use.
  writeFileSync(`${path}.next`, '{"seq":');
  await createChain({ format: 1, path }).close();
  expect(existsSync(`${path}.next`)).toBe(false);
  await expect(createChain({ key }).rotate()).rejects.toMatchObject({ code: 'ERR_INVALID_STATE' });
});

it('opens only what reaches the head that was kept outside', async () => {
  const path = join(newFolder(), 'audit.ndjson');
  const chain = createChain({ key, path });
  await chain.append('test', 'one');
  const { head } = chain;
  await chain.append('test', 'two');
  await chain.close();
  await createChain({ key, path, head }).close();
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  writeFileSync(path, `${lines.slice(0, 1).join('\n')}\n`);
  const cut = expect.objectContaining({ code: 'ERR_INTEGRITY' }) as Error;
  expect(() => createChain({ key, path, head })).toThrow(cut);
  writeFileSync(path, '');
  expect(() => createChain({ key, path, head })).toThrow(cut);
  expect(() => createChain({ key, head })).toThrow('give its path');
  expect(() => createChain({ key, path, head: 'x' })).toThrow('a head is a sequence');
});

it('recovers from torn writes of any length, and empties no file that is no chain', async () => {
  const path = join(newFolder(), 'audit.ndjson');
  const chain = createChain({ key, path });
  for (let n = 0; n < 3; n += 1) await chain.append('test', 'event', { n });
  await chain.close();
  const whole = readFileSync(path);
  const tails = [
    Buffer.alloc(50),
    Buffer.alloc(3 * 1024 * 1024),
    Buffer.from('{"seq":4,"sou'),
    Buffer.concat([Buffer.from('{"seq":4,"source":"t'), Buffer.alloc(2 * 1024 * 1024)]),
    Buffer.from([0xe2, 0x82]),
  ];
  for (const tail of tails) {
    writeFileSync(path, Buffer.concat([whole, tail]));
    expect(verifyChainFile(path, { key })).toMatchObject({ ok: false });
    const again = createChain({ key, path });
    expect(again.length).toBe(4);
    await again.close();
    expect(readFileSync(path).equals(whole)).toBe(true);
  }
  for (let cut = 1; cut < 200; cut += 1) {
    writeFileSync(path, whole);
    truncateSync(path, whole.length - cut);
    await createChain({ key, path }).close();
    expect(verifyChainFile(path, { key })).toMatchObject({ ok: true });
  }
  writeFileSync(path, 'a letter to my aunt');
  expect(() => createChain({ key, path })).toThrow('the file is no chain');
  expect(readFileSync(path, 'utf8')).toBe('a letter to my aunt');
});

it('finds the segments of the file that it opened, whatever is put aside after that', async () => {
  const path = join(newFolder(), 'audit.ndjson');
  const chain = createChain({ key, path });
  await chain.append('test', 'one');
  await chain.rotate();
  withFile(openCurrent(path), (fd) => expect(segmentsBefore(path, fd)).toEqual([`${path}.000001`]));
  const fd = openCurrent(path);
  await chain.rotate();
  await chain.rotate();
  withFile(fd, () => expect(segmentsBefore(path, fd)).toEqual([`${path}.000001`]));
  await chain.close();
  // between the two renames of a rotation only its second name is there
  renameSync(path, `${path}.next`);
  expect(verifyChainFile(path, { key, segments: true })).toMatchObject({ ok: true, segment: 4 });
  renameSync(`${path}.next`, `${path}.other`);
  expect(() => verifyChainFile(path, { key, segments: true })).toThrow(expect.objectContaining({ code: 'ERR_IO' }));
});

it('takes what was read of a write in hand for no end, as long as the file may grow', () => {
  const path = join(newFolder(), 'lines');
  writeFileSync(path, 'one\ntw');
  const rest = ['o\nthr', 'ee\n', ''];
  const isEnd = { value: false };
  const mayGrow = (): boolean => {
    const more = rest.shift();
    if (more === undefined) return false;
    appendFileSync(path, more);
    isEnd.value = more === '';
    return true;
  };
  const texts = (): unknown[] =>
    withFile(openCurrent(path), (fd) =>
      [...readGrowingLines(fd, () => isEnd.value, mayGrow)].map(({ text, whole }) => (whole ? text : [text])),
    );
  expect(texts()).toEqual(['one', 'two', 'three']);
  expect(rest).toEqual([]);
  appendFileSync(path, 'torn');
  expect(texts()).toEqual(['one', 'two', 'three', ['torn']]);
});

it('has one lock and one row of segments under all names of a file', async () => {
  const folder = newFolder();
  const path = join(folder, 'audit.ndjson');
  const [link, dangling] = [join(folder, 'link'), join(folder, 'dangling')];
  symlinkSync('link2', link);
  symlinkSync(path, join(folder, 'link2'));
  const chain = createChain({ key, path: link });
  await chain.append('test', 'one');
  expect(existsSync(`${path}.lock`)).toBe(true);
  expect(() => createChain({ key, path })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
  await chain.rotate();
  await chain.append('test', 'two');
  await chain.close();
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(existsSync(`${path}.000001`)).toBe(true);
  for (const name of [link, path])
    expect(verifyChainFile(name, { key, segments: true })).toMatchObject({ ok: true, segment: 2 });
  symlinkSync(dangling, dangling);
  expect(() => realChainPath(dangling)).toThrow(expect.objectContaining({ code: 'ERR_IO' }));
});
