import { createHmac, generateKeyPairSync } from 'node:crypto';
import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createManualClock } from '@agentwire/core/testing';
import { describe, expect, it } from 'vitest';
import { createChain, verifyChainFile } from '../../src/index.ts';
import { readChainKeys } from '../../src/internal.ts';
import { newFolder } from '../folder.ts';

const key = new Uint8Array(32).fill(7);
const folder = newFolder();
let files = 0;
const newPath = (): string => join(folder, `chain-${(files += 1)}.ndjson`);

describe('ChainManager in memory', () => {
  it('links every entry to the one before and verifies', () => {
    const chain = createChain({ key });
    chain.record('test', 'one', { n: 1 });
    chain.record('test', 'two');
    expect(chain.length).toBe(3);
    expect(() => chain.verify(chain.head)).not.toThrow();
    expect(() => chain.verify(`1:${'0'.repeat(64)}`)).toThrow('not the one that the head names');
  });

  it('uses HMAC-SHA-256 over the bytes that the format says', () => {
    const clock = createManualClock();
    const chain = createChain({ key, chainId: 5, clock });
    const [genesis] = chain.tail();
    const text = (value: string): Buffer => Buffer.concat([u32(Buffer.byteLength(value)), Buffer.from(value)]);
    const bytes = Buffer.concat([
      Buffer.from('agentwire-chain/2\0'),
      Buffer.alloc(8),
      u32(5),
      Buffer.alloc(32),
      u32(1_735_689_600),
      u32(0),
      u32(0),
      text('chain'),
      text('genesis'),
      text('{"algorithm":"hmac-sha256","chain_id":5,"format":2}'),
    ]);
    expect(genesis?.hash).toBe(createHmac('sha256', key).update(bytes).digest('hex'));
  });

  it('counts nanoseconds up within a millisecond and when the clock goes back', () => {
    let wall = 1_000_000;
    const clock = { ...createManualClock(), wallNow: () => wall };
    const chain = createChain({ key, clock });
    chain.record('test', 'same');
    wall -= 5000;
    chain.record('test', 'back');
    wall += 5001;
    chain.record('test', 'on');
    expect(chain.tail().map(({ seconds, nanos }) => [seconds, nanos])).toEqual([
      [1000, 0],
      [1000, 1],
      [1000, 2],
      [1000, 1_000_000],
    ]);
  });

  it('keeps a bounded tail and still verifies it', () => {
    const chain = createChain({ key, keep: 3 });
    for (let n = 0; n < 10; n += 1) chain.record('test', 'event', { n });
    expect(chain.tail().map(({ sequence }) => sequence)).toEqual([8, 9, 10]);
    expect(chain.tail(1).map(({ sequence }) => sequence)).toEqual([10]);
    expect(() => chain.verify()).not.toThrow();
  });

  it('refuses the source "chain", empty names, NUL, huge payloads, and everything after the end', async () => {
    const chain = createChain({ key });
    expect(() => chain.record('chain', 'x')).toThrow('the chain itself');
    expect(() => chain.record('', 'x')).toThrow('source has 1 to 256');
    expect(() => chain.record('a\0', 'x')).toThrow('no NUL');
    expect(() => chain.record('a', 'b', 'x'.repeat(300_000))).toThrow('at most');
    expect(() => createChain({ key, nope: 1 } as never)).toThrow('has no option "nope"');
    await chain.close();
    await chain.close();
    expect(() => chain.record('a', 'b')).toThrow('the chain is closed');
  });
});

describe('ChainManager in a file', () => {
  it('goes on where it stopped, and hands out heads that verify takes', async () => {
    const path = newPath();
    const heads: string[] = [];
    const first = createChain({ key, path, onHead: (head) => heads.push(head) });
    await first.append('test', 'one', { n: 1 });
    await first.close();
    const second = createChain({ key, path, onHead: (head) => heads.push(head) });
    await second.append('test', 'two', { n: 'ü' });
    await second.close();
    expect(heads).toHaveLength(2);
    for (const head of heads) expect(verifyChainFile(path, { key, head })).toMatchObject({ ok: true, entries: 3 });
    const report = verifyChainFile(path, { key, head: heads[1] ?? '' });
    expect(report.summary).toContain('sound\nformat    2, hmac-sha256\nentries   3\n');
  });

  it('shares one fsync among the entries that come together', async () => {
    const path = newPath();
    let flushes = 0;
    const chain = createChain({ key, path, onHead: () => (flushes += 1) });
    await Promise.all(Array.from({ length: 100 }, (_, n) => chain.append('test', 'event', { n })));
    expect(flushes).toBeLessThanOrEqual(2);
    expect(verifyChainFile(path, { key }).entries).toBe(101);
    await chain.close();
  });

  it('writes every flushMs under "interval", and at once past maxPendingBytes', async () => {
    const clock = createManualClock();
    const path = newPath();
    const chain = createChain({ key, path, clock, fsync: 'never', flushMs: 50, maxPendingBytes: 4096 });
    chain.record('test', 'event');
    expect(readFileSync(path, 'utf8')).toBe('');
    clock.advance(50);
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(3);
    for (let n = 0; n < 40; n += 1) chain.record('test', 'event', { text: 'x'.repeat(100) });
    expect(readFileSync(path, 'utf8').split('\n').length).toBeGreaterThan(20);
    await chain.close();
    expect(verifyChainFile(path, { key })).toMatchObject({ ok: true, entries: 42 });
  });

  it('cuts a torn end off and keeps every whole entry', async () => {
    const path = newPath();
    const chain = createChain({ key, path });
    for (let n = 0; n < 5; n += 1) await chain.append('test', 'event', { n });
    await chain.close();
    const whole = readFileSync(path);
    const warnings: unknown[] = [];
    const logger = { debug: noop, info: noop, error: noop, warn: (fields: unknown) => warnings.push(fields) };
    for (const cut of [1, 20, 100, 205]) {
      writeFileSync(path, whole.subarray(0, whole.length - cut));
      const again = createChain({ key, path, logger });
      const before = again.length;
      await again.append('test', 'after');
      await again.close();
      expect(verifyChainFile(path, { key })).toMatchObject({ ok: true, entries: before + 1 });
    }
    expect(warnings).not.toHaveLength(0);
    writeFileSync(path, Buffer.concat([whole, Buffer.alloc(50)]));
    const zeros = createChain({ key, path });
    expect(zeros.length).toBe(6);
    await zeros.close();
  });

  it('refuses a file in which anything but the end is unsound, and one that another program writes', async () => {
    const path = newPath();
    const chain = createChain({ key, path });
    for (let n = 0; n < 5; n += 1) await chain.append('test', 'event', { n });
    appendFileSync(path, 'hello\n');
    await expect(chain.append('test', 'event')).rejects.toMatchObject({ code: 'ERR_INTEGRITY' });
    expect(() => chain.record('test', 'event')).toThrow('changed by another program');
    const closing = chain.close();
    expect(chain.close()).toBe(closing);
    await expect(closing).rejects.toMatchObject({ code: 'ERR_INTEGRITY' });
    expect(() => createChain({ key, path })).toThrow('the line is no JSON');
    truncateSync(path, 400);
    writeFileSync(path, readFileSync(path, 'utf8').replace('"n":0', '"n":9'));
    expect(() => createChain({ key, path })).toThrow('does not have the hash');
  });

  it('is signed with Ed25519 at every flush, and the unsigned end of a crash is cut off', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const path = newPath();
    const chain = createChain({ signingKey: privateKey, path });
    await chain.append('test', 'one');
    await Promise.all([chain.append('test', 'two'), chain.append('test', 'three')]);
    await chain.close();
    expect(verifyChainFile(path, { key: publicKey })).toMatchObject({ ok: true, entries: 6, algorithm: 'ed25519' });
    const other = generateKeyPairSync('ed25519').publicKey;
    expect(verifyChainFile(path, { key: other }).problem).toContain("or the key is not the chain's");
    expect(verifyChainFile(path).problem).toContain('no key was given');
    expect(verifyChainFile(path, { key }).problem).toContain('a key for hmac-sha256 was given');
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    writeFileSync(path, `${lines.slice(0, 5).join('\n')}\n`);
    expect(verifyChainFile(path, { key: publicKey }).problem).toContain('are not signed');
    const again = createChain({ signingKey: privateKey, path });
    expect(again.length).toBe(3);
    await again.close();
  });

  it('reads keys as hex, as bytes and as PEM', () => {
    const path = newPath();
    const hex = Buffer.from(key).toString('hex');
    writeFileSync(path, `${hex}\n`);
    // whichever of them the chain was made with
    expect(readChainKeys(path).map((one) => Buffer.from(one as Uint8Array).toString('latin1'))).toEqual([
      `${hex}\n`,
      hex,
      Buffer.from(key).toString('latin1'),
    ]);
    writeFileSync(path, Buffer.from([1, 2, 3, 200, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]));
    expect(readChainKeys(path)).toEqual([expect.objectContaining({ byteLength: 16 })]);
    writeFileSync(path, 'short\n');
    expect(readChainKeys(path)).toHaveLength(1);
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    writeFileSync(path, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    expect(readChainKeys(path)).toMatchObject([{ type: 'public', asymmetricKeyType: 'ed25519' }]);
    writeFileSync(path, publicKey.export({ type: 'spki', format: 'pem' }));
    expect(readChainKeys(path)).toMatchObject([{ type: 'public' }]);
    expect(() => readChainKeys(join(folder, 'missing'))).toThrow(expect.objectContaining({ code: 'ERR_IO' }) as Error);
  });

  it('takes payloads as they stand, with any keys', async () => {
    const path = newPath();
    const chain = createChain({ key, path });
    for (const name of ['\\', '"', '\\', '"', '__proto__', '\u{1F600}'])
      await chain.append('test', 'odd', { Y: '', [name]: '' });
    await chain.close();
    expect(verifyChainFile(path, { key })).toMatchObject({ ok: true, entries: 7 });
  });

  it('verifies format 1 without a key and says what that is worth', async () => {
    const path = newPath();
    const chain = createChain({ format: 1, path });
    await chain.append('test', 'one');
    await chain.close();
    const report = verifyChainFile(path);
    expect(report).toMatchObject({ ok: true, format: 1, entries: 2 });
    expect(report.summary).toContain('no key');
    expect(verifyChainFile(path, { key }).problem).toContain('without a key');
    writeFileSync(path, '');
    expect(verifyChainFile(path).problem).toBe('the chain is empty');
  });
});

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function noop(): void {
  // nothing
}
