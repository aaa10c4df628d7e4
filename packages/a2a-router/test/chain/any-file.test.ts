import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createChain, verifyChainFile } from '../../src/index.ts';
import { createChainScheme } from '../../src/internal.ts';
import { RUNS } from '../runs.ts';
import { newFolder } from '../folder.ts';

const folder = newFolder();
const path = join(folder, 'chain.ndjson');
const key = new Uint8Array(32).fill(7);

async function write(options: Parameters<typeof createChain>[0]): Promise<string[]> {
  rmSync(path, { force: true });
  const chain = createChain({ ...options, path });
  await chain.append('test', 'one', { n: 1 });
  await chain.close();
  return readFileSync(path, 'utf8').trimEnd().split('\n');
}

describe('verifyChainFile', () => {
  it.each(['null', '1', '"x"', '[]', '{}', 'true', ' ', '{"seq":1e400}', '\0\0', '\u{feff}{}', 'x'.repeat(3_000_000)])(
    'answers odd line %# with a report',
    async (line) => {
      const [genesis = '', second = ''] = await write({ key });
      for (const text of [line, `${genesis}\n${line}`, `${line}\n${second}`, `${genesis}\n${line}\n${second}`]) {
        for (const ending of ['', '\n']) {
          writeFileSync(path, text + ending);
          expect(verifyChainFile(path, { key })).toMatchObject({ ok: false, problem: expect.any(String) as string });
          expect(verifyChainFile(path, { key, segments: true })).toMatchObject({ ok: false });
        }
      }
    },
  );

  it('answers any file with a report', { timeout: 600_000 }, async () => {
    const [genesis = ''] = await write({ format: 1 });
    const odd = fc.constantFrom(
      'null',
      '1e999',
      '-1',
      '{"chain_id":0}',
      '"a"',
      '{"segment":2,"previous":"x","chain_id":0}',
    );
    const line = fc
      .record({ seq: odd, kind: fc.constantFrom('genesis', 'chain.segment', 'x'), time: fc.string(), payload: odd })
      .map(
        ({ seq, kind, time, payload }) =>
          `{"seq":${seq},"source":"chain","kind":"${kind}","time":${JSON.stringify(time)},"payload":${payload},"hash":"${'0'.repeat(64)}"}`,
      );
    fc.assert(
      fc.property(fc.oneof(line, fc.json(), fc.string()), fc.boolean(), (text, first) => {
        writeFileSync(path, `${first ? '' : `${genesis}\n`}${text}\n`);
        return !verifyChainFile(path).ok && !verifyChainFile(path, { key }).ok;
      }),
      { numRuns: Math.min(RUNS, 2000) },
    );
  });

  it('takes a chain id', async () => {
    await write({ key, chainId: 5 });
    expect(verifyChainFile(path, { key, chainId: 5 })).toMatchObject({ ok: true });
    expect(verifyChainFile(path, { key, chainId: 6 }).problem).toContain('has the number 5, not 6');
    expect(() => verifyChainFile(path, { chainId: -1 })).toThrow('chainId must be an integer');
    expect(() => verifyChainFile(path, { head: 'x' })).toThrow('a head is a sequence');
    expect(() => verifyChainFile(join(folder, 'missing'))).toThrow(
      expect.objectContaining({ code: 'ERR_IO' }) as Error,
    );
  });

  it('is not fooled by lone surrogates, which all have the same UTF-8', async () => {
    const chain = createChain({ key });
    for (const name of ['\uD800', 'a\uDFFF']) {
      expect(() => chain.record(name, 'x')).toThrow('no lone surrogate');
      expect(() => chain.record('x', name)).toThrow('no lone surrogate');
    }
    chain.record('a\uFFFD', 'kind');
    const [genesis = ''] = await write({ key });
    const scheme = createChainScheme({ key });
    const { hash: previous } = JSON.parse(genesis) as { hash: string };
    const draft = { sequence: 1, source: 'a\uD800', kind: 'k', seconds: 1, nanos: 0, payload: undefined };
    const hash = scheme.hashEntry(draft, previous);
    expect(scheme.hashEntry({ ...draft, source: 'a\uDBFF' }, previous)).toBe(hash);
    writeFileSync(path, `${genesis}\n{"seq":1,"source":"a\\ud800","kind":"k","time":"1.000000000","hash":"${hash}"}\n`);
    expect(verifyChainFile(path, { key })).toMatchObject({ ok: false, entries: 1 });
  });

  it('finds nanoseconds in format 1, whose hash does not cover them', async () => {
    const [genesis = '', second = ''] = await write({ format: 1 });
    expect(second).toContain('.000000000"');
    writeFileSync(path, `${genesis}\n${second.replace('.000000000"', '.000000001"')}\n`);
    expect(verifyChainFile(path).problem).toContain('nanoseconds');
  });
});

describe('onHead', () => {
  it('that throws or rejects is logged, and the entry is kept', async () => {
    for (const onHead of [
      () => {
        throw new Error('store is down');
      },
      () => Promise.reject(new Error('store is down')),
    ]) {
      rmSync(path, { force: true });
      const errors: object[] = [];
      const log = (): void => undefined;
      const logger = { debug: log, info: log, warn: log, error: (fields: object) => errors.push(fields) };
      const chain = createChain({ key, path, onHead, logger });
      await chain.append('x', 'y');
      await chain.append('x', 'z');
      await chain.close();
      expect(errors).toMatchObject([{ error: 'store is down' }, { error: 'store is down' }]);
      expect(verifyChainFile(path, { key })).toMatchObject({ ok: true, entries: 3 });
    }
  });
});

describe('close', () => {
  it('is one promise that ends after the last write', async () => {
    rmSync(path, { force: true });
    const chain = createChain({ key, path });
    const writes = Array.from({ length: 50 }, (_, n) => chain.append('x', 'y', { n }));
    const closing = chain.close();
    expect(chain.close()).toBe(closing);
    await closing;
    expect(verifyChainFile(path, { key })).toMatchObject({ ok: true, entries: 51 });
    await Promise.all(writes);
  });
});
