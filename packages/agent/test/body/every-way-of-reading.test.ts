import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type AgentDefinition, allow, type IncomingRequest, pass, replace } from '../../src/index.ts';
import { settled } from '../events.ts';
import { connectTo, sendBody } from './upload.ts';

const CHUNK_BYTES = 70_000;

/** Takes a copy of a piece that the handler sees. */
type See = (piece: Uint8Array) => void;

/** Agent that passes the body, whose handler reads it in one of the ways. */
type Way = (see: See) => Partial<AgentDefinition>;

/** Agent that reads with the head. */
function reading(read: (request: IncomingRequest, see: See) => Promise<void>): Way {
  return (see) => ({
    requestBody: true,
    async onRequestHeaders(request) {
      await read(request, see);
      return allow();
    },
  });
}

const WAYS: Readonly<Record<string, Way>> = {
  'chunks at once': (see) => ({
    onRequestBodyChunk({ data }) {
      see(data);
      return pass();
    },
  }),
  'chunks later': (see) => ({
    async onRequestBodyChunk({ data }) {
      await settled();
      see(data);
      return pass();
    },
  }),
  'chunks replaced by views of them': (see) => ({
    onRequestBodyChunk({ data }) {
      see(data);
      return replace(data.subarray(0));
    },
  }),
  pieces: reading(async ({ body }, see) => {
    for await (const piece of body) {
      await settled();
      see(piece);
    }
  }),
  'pieces after a preview': reading(async ({ body }, see) => {
    await body.preview(100_000);
    for await (const piece of body) see(piece);
  }),
  'decoded pieces': reading(async ({ body }, see) => {
    for await (const piece of body.decoded()) see(piece);
  }),
  'the whole': reading(async (request, see) => see(await request.bytes())),
  'the whole after a preview': reading(async (request, see) => {
    await request.body.preview(100_000);
    see(await request.bytes());
  }),
  'the whole, decoded': reading(async (request, see) => see(await request.bytes({ decode: true }))),
  'the whole in a file': reading(async (request, see) => see(await request.bytes({ spill: true }))),
  text: reading(async (request, see) => see(Buffer.from(await request.text()))),
  'text, held': reading(async (request, see) => see(Buffer.from(await request.text({ hold: true })))),
  'nothing, text replaced': () => ({
    requestBody: true,
    onRequestHeaders: () => allow().replaceText('never there', 'x'),
  }),
  'pieces that change': (see) => ({
    requestBody: true,
    onRequestHeaders: () =>
      allow().transformBody(async function* (body) {
        let before: Uint8Array | undefined;
        for await (const piece of body) {
          if (before !== undefined) yield before;
          see(piece);
          before = piece;
        }
        if (before !== undefined) yield before;
      }),
  }),
};

interface Plan {
  readonly way: string;
  readonly freeChunks: boolean;
  readonly isEncoded: boolean;
  readonly lengths: readonly number[];
  readonly seed: number;
  /** Pieces after which a body before this one is given up. */
  readonly givenUpAfter: number;
}

const plans = fc.record<Plan>({
  way: fc.constantFrom(...Object.keys(WAYS)),
  freeChunks: fc.boolean(),
  isEncoded: fc.boolean(),
  lengths: fc.array(fc.oneof(fc.nat(200), fc.integer({ min: 3_000, max: 150_000 })), { minLength: 1, maxLength: 4 }),
  seed: fc.nat(),
  givenUpAfter: fc.integer({ min: 1, max: 4 }),
});

/** Text without equal parts, with characters of two bytes for pieces to cut. */
function textOf(bytes: number, seed: number): Buffer {
  return Buffer.from(Array.from({ length: Math.ceil(bytes / 12) }, (_, n) => `é${seed % 1000} ${n}`).join(';'));
}

function cut(whole: Buffer, lengths: readonly number[]): Buffer[] {
  let at = 0;
  const pieces = lengths.map((length) => whole.subarray(at, (at += length)));
  return [...pieces, whole.subarray(at)];
}

const GIVEN_UP = Buffer.alloc(CHUNK_BYTES, '#');

test('every byte of a body arrives and passes, however it is read, with and without freed chunks', async () => {
  const one = async ({ way, freeChunks, isEncoded, lengths, seed, givenUpAfter }: Plan): Promise<void> => {
    const seen: Buffer[] = [];
    const see: See = (piece) => {
      if (piece[0] !== GIVEN_UP[0]) seen.push(Buffer.from(piece));
    };
    const session = await connectTo({ ...WAYS[way]?.(see), freeChunks });
    const given = sendBody(
      session,
      Array.from({ length: 5 }, () => GIVEN_UP),
      { givenUpAfter },
    );
    await expect(given).rejects.toMatchObject({ code: 'ERR_ABORTED' });

    const text = textOf(
      lengths.reduce((sum, length) => sum + length, 0),
      seed,
    );
    const encoded = isEncoded && !way.startsWith('text');
    const body = encoded ? gzipSync(text) : text;
    const headers = encoded ? ['Content-Encoding', 'gzip'] : [];
    const passed = await sendBody(session, cut(body, lengths), { headers });
    // a body that changes is encoded again
    expect((encoded ? gunzipSync(passed) : passed).equals(text)).toBe(true);
    if (way === 'nothing, text replaced') return;
    const decoded = way.includes('decoded') || way === 'pieces that change';
    expect(Buffer.concat(seen).equals(decoded ? text : body)).toBe(true);
  };
  await fc.assert(fc.asyncProperty(plans, one), { numRuns: 60 });
});
