import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { replaceTextIn, type TextReplacement, textRule } from '../../src/change/text-replacer.ts';
import { toBytes, Utf8Reader } from '../../src/change/utf8-text.ts';

/** Cuts bytes at these places, taken modulo the length. */
function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((at) => at % (bytes.byteLength + 1)))].toSorted((a, b) => a - b);
  return [...places, bytes.byteLength].map((end, index) => bytes.subarray(index === 0 ? 0 : places[index - 1], end));
}

async function* pieces(of: readonly Uint8Array[]): AsyncGenerator<Uint8Array, undefined> {
  yield* of;
}

async function streamed(
  body: readonly Uint8Array[],
  pattern: string | RegExp,
  replacement: TextReplacement,
): Promise<Buffer> {
  const output: Uint8Array[] = [];
  for await (const piece of replaceTextIn(pieces(body), textRule(pattern, replacement))) output.push(piece);
  return Buffer.concat(output);
}

const PATTERNS: readonly RegExp[] = [
  /ab/g,
  /ab|abc|bca/g,
  /a{1,3}b?/g,
  /a{2,4}?/g,
  /(?<!a)b/g,
  /(?<=ab)c/g,
  /a(?=bc)/g,
  /a(?!b)/g,
  /\bab\b/g,
  /^a/g,
  /^b/gm,
  /c$/g,
  /c$/gm,
  /[ab]{3}/gi,
  /(a)(b)?/g,
  /é|😀b/gu,
  /.c/gsu,
  /[\p{L}--[a]]b/gv,
  /(?:a|b){1,4}c/g,
];
/** Letters that make matches likely, with characters of every length and a word boundary. */
const texts = fc.array(fc.constantFrom('a', 'b', 'c', 'A', 'é', '😀', '€', ' ', '\n'), { maxLength: 40 });
const cuts = fc.array(fc.nat(160), { maxLength: 12 });

describe('replacing text that streams', () => {
  test.each(PATTERNS)('%s has the result of the whole text, for every way to cut it', async (pattern) => {
    const show = (match: string): string => `<${match}>`;
    await fc.assert(
      fc.asyncProperty(texts, cuts, async (letters, at) => {
        const text = letters.join('');
        const whole = text.replaceAll(pattern, (match) => show(match));
        expect((await streamed(cut(Buffer.from(text), at), pattern, show)).toString()).toBe(whole);
      }),
      { numRuns: 150 },
    );
  });

  test('a text is found as it is written, and its replacement is no template', async () => {
    const body = [Buffer.from('a.b* $'), Buffer.from('1 axb')];
    expect((await streamed(body, '.b* $1', '$&')).toString()).toBe('a$& axb');
  });

  test('a function gets the groups', async () => {
    const body = [Buffer.from('4-'), Buffer.from('2')];
    const swapped = await streamed(body, /(\d)-(\d)/, (_match, one, two) => `${String(two)}-${String(one)}`);
    expect(swapped.toString()).toBe('2-4');
  });

  test('keeps back no more than a match could need', async () => {
    const seen: number[] = [];
    const body = (async function* () {
      for (const text of ['xxxx', 'xxxx']) yield Buffer.from(text);
    })();
    for await (const piece of replaceTextIn(body, textRule('abc', ''))) seen.push(piece.byteLength);
    expect(seen).toEqual([2, 4, 2]);
  });

  test.each([
    [/a*/, 'empty text'],
    [/a+/, '{1,100} instead of +'],
    [/(a)\1/, 'no longest match'],
    [/a{1,70000}/, 'no longest match'],
    [/(?=a)/, 'empty text'],
    [/a/y, 'without the flag y'],
  ])('refuses %s', (pattern, why) => {
    expect(() => textRule(pattern, '')).toThrow(why);
  });
});

describe('text of a body', () => {
  test('any bytes survive, cut anywhere', () => {
    const unit = fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc.string({ unit: 'grapheme' }).map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(fc.array(unit), cuts, (units, at) => {
        const bytes = Buffer.concat(units);
        const reader = new Utf8Reader();
        const read = cut(bytes, at).map((piece) => reader.read(piece, false));
        read.push(reader.read(new Uint8Array(0), true));
        expect(Buffer.concat(read.map(toBytes))).toEqual(bytes);
      }),
      { numRuns: 500 },
    );
  });

  test('a match next to bytes that are no text is found', async () => {
    const body = [Buffer.from([0xff, 0xc3]), Buffer.from('secret'), Buffer.from([0xf0, 0x9f])];
    expect(await streamed(body, 'secret', 'x')).toEqual(Buffer.from([0xff, 0xc3, 0x78, 0xf0, 0x9f]));
  });
});
