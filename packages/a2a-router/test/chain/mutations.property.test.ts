import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { createChain, verifyChainFile } from '../../src/index.ts';
import { createChainScheme, type VerifyChainOptions } from '../../src/internal.ts';
import { readChainLine, writeChainLine } from '../../src/chain/chain-line.ts';
import { RUNS } from '../runs.ts';
import { newFolder } from '../folder.ts';

const folder = newFolder();
const key = new Uint8Array(32).fill(3);
const signing = generateKeyPairSync('ed25519');
const path = join(folder, 'chain.ndjson');

interface Subject {
  readonly name: string;
  readonly verify: NonNullable<VerifyChainOptions['key']>;
  readonly make: () => ReturnType<typeof createChain>;
  bytes: Buffer;
  head: string;
}

const subjects: Subject[] = [
  { name: 'keyed', verify: key, make: () => createChain({ key, path }), bytes: Buffer.alloc(0), head: '' },
  {
    name: 'signed',
    verify: signing.publicKey,
    make: () => createChain({ signingKey: signing.privateKey, path }),
    bytes: Buffer.alloc(0),
    head: '',
  },
];

beforeAll(async () => {
  for (const subject of subjects) {
    writeFileSync(path, '');
    const chain = subject.make();
    for (let n = 0; n < 8; n += 1)
      await chain.append('ipc', 'ipc.send', { n, text: `grüße ${n} "\\ 😀`, list: [1.5, null] });
    await chain.close();
    subject.head = chain.head;
    subject.bytes = readFileSync(path);
  }
});

type Mutation = (bytes: Buffer, subject: Subject) => Buffer;

const lines = (bytes: Buffer): string[] => bytes.toString('utf8').trimEnd().split('\n');
const join2 = (all: readonly string[]): Buffer => Buffer.from(all.length === 0 ? '' : `${all.join('\n')}\n`);

/** Hashes every entry again, as an attacker could who knows the format and has no key. */
function rehash(all: readonly string[], subject: Subject): string[] {
  const guess = subject.name === 'signed' ? { signingKey: signing.publicKey } : { key: new Uint8Array(32).fill(4) };
  const scheme = createChainScheme(guess);
  let previous = '0'.repeat(64);
  return all.map((line, sequence) => {
    const event = { ...readChainLine(line), sequence };
    previous = scheme.hashEntry(event, previous);
    return writeChainLine({ ...event, hash: previous });
  });
}

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.nat().map<Mutation>((bit) => (bytes) => {
    const copy = Buffer.from(bytes);
    const at = (bit >> 3) % copy.length;
    copy[at] = (copy[at] ?? 0) ^ (1 << (bit & 7));
    return copy;
  }),
  fc.tuple(fc.nat(), fc.nat()).map<Mutation>(([one, other]) => (bytes) => {
    const all = lines(bytes);
    const [a, b] = [one % all.length, other % all.length];
    [all[a], all[b]] = [all[b] ?? '', all[a] ?? ''];
    return join2(all);
  }),
  fc.nat().map<Mutation>((at) => (bytes) => join2(lines(bytes).filter((_, index, all) => index !== at % all.length))),
  fc.tuple(fc.nat(), fc.nat()).map<Mutation>(([from, to]) => (bytes) => {
    const all = lines(bytes);
    all.splice(to % (all.length + 1), 0, all[from % all.length] ?? '');
    return join2(all);
  }),
  fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 0, max: 255 })).map<Mutation>(([at, length, value]) => (bytes) => {
    const start = at % bytes.length;
    return Buffer.concat([bytes.subarray(0, start), Buffer.alloc(1 + (length % 5), value), bytes.subarray(start)]);
  }),
  // Truncation anywhere: found with the head.
  fc.nat().map<Mutation>((at) => (bytes) => bytes.subarray(0, at % bytes.length)),
  fc.nat().map<Mutation>((at) => (bytes) => join2(lines(bytes).slice(0, at % lines(bytes).length))),
  // Edit, drop or reorder, and hash everything again without the key.
  fc
    .tuple(fc.nat(), fc.constantFrom('edit', 'drop', 'swap', 'append', 'time'))
    .map<Mutation>(([at, how]) => (bytes, subject) => {
      const all = lines(bytes);
      const index = 1 + (at % (all.length - 1));
      const event = readChainLine(all[index] ?? '');
      if (how === 'edit') all[index] = writeChainLine({ ...event, payload: '{"n":99}' });
      if (how === 'time') all[index] = writeChainLine({ ...event, seconds: event.seconds + 1 });
      if (how === 'drop') all.splice(index, 1);
      if (how === 'swap') [all[index], all[1]] = [all[1] ?? '', all[index] ?? ''];
      if (how === 'append') all.push(writeChainLine({ ...event, kind: 'forged' }));
      return join2(rehash(all, subject));
    }),
);

describe.each(subjects)('a $name chain', (subject) => {
  it('is sound as it was written', () => {
    writeFileSync(path, subject.bytes);
    expect(verifyChainFile(path, { key: subject.verify, head: subject.head })).toMatchObject({ ok: true });
  });

  it('shows any mutation', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(mutation, (mutate) => {
        const changed = mutate(subject.bytes, subject);
        fc.pre(!changed.equals(subject.bytes));
        writeFileSync(path, changed);
        const report = verifyChainFile(path, { key: subject.verify, head: subject.head });
        return !report.ok;
      }),
      { numRuns: RUNS },
    );
  });
});
