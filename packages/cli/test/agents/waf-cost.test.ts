// The waf's work is in proportion to the text that a client chooses; counted, not timed.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { finds, WAF_RULES, type WafRule } from '../../src/agents/waf-rules.ts';
import { MAX_GROWTH, plainText } from '../../src/agents/waf-text.ts';
import { stepsOf } from './regex-steps.ts';

/** Steps per character and rule that no text exceeds; the worst of those below takes 39. */
const MAX_STEPS = 60;
const LENGTH = 1_500;

/** Pieces that attackers repeat: starts of a match that fail late. */
const PIECES = [
  'a',
  ' ',
  '<',
  '<a',
  '<a ',
  '<a /',
  '<svg ',
  '< iframe',
  '<a onaaaaaaaaaaaaaaaaaaaaaaaa',
  ' on',
  ' onaaa',
  ' src',
  ' data =',
  "'",
  '"',
  '1',
  '1 or ',
  "'or",
  "' or (((((((('",
  'or aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
  '||',
  '&&',
  '--',
  '#',
  '=',
  ')',
  '(',
  '!',
  '~',
  'union',
  'union ',
  'union (((((((( all ((((((((',
  'select',
  ';',
  '; drop ',
  ';drop',
  'delete from',
  'sleep ',
  'pg_sleep',
  'into ',
  'waitfor ',
  '${',
  '${a',
  '$',
  '{',
  '}',
  'jndi',
  'env ',
  ':',
  '() { :',
  '|',
  '`',
  '$(',
  'id ',
  'python3',
  '/etc/',
  '..',
  '/..',
  '/',
  '.',
  'script',
  'java ',
  '>',
  '_',
  '-',
  'é',
];

const textOfPieces = fc
  .array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 6 })
  .map((unit) => unit.join('').repeat(LENGTH).slice(0, LENGTH));

function costOf({ pattern, inside }: WafRule, text: string): number {
  const opening = inside === undefined ? 0 : stepsOf(inside.opening, text);
  return (stepsOf(pattern, text) + opening) / text.length;
}

/** The rule of before, whose steps depended on what follows each `<`. */
const QUADRATIC = /<[a-z!/][^>]{0,200}[\s/"'`]on[a-z]{3,24}\s{0,8}=/i;

describe('the rules', () => {
  it('take a bounded number of steps for each character of every repeated piece', () => {
    for (const rule of WAF_RULES)
      for (const piece of PIECES) {
        const cost = costOf(rule, piece.repeat(LENGTH).slice(0, LENGTH));
        expect([rule.id, piece, cost > MAX_STEPS ? cost : 'few']).toEqual([rule.id, piece, 'few']);
      }
  });

  it('take a bounded number of steps for any combination of them', () => {
    fc.assert(
      fc.property(textOfPieces, fc.constantFrom(...WAF_RULES), (text, rule) => costOf(rule, text) <= MAX_STEPS),
      { numRuns: 300 },
    );
  });

  it('are counted by a counter that sees the cost of a pattern that is not linear', () => {
    const text = '<a '.repeat(LENGTH / 3);
    expect(stepsOf(QUADRATIC, text) / text.length).toBeGreaterThan(MAX_STEPS);
    expect(stepsOf(/ab/, 'xabx')).toBe(6);
  });

  it.each([
    ['<a onclick=x', true],
    ['<a>onclick=x', false],
    ['<a> onclick=x', false],
    ['<a b="<" onclick=x', true],
    ['<a b="1 < 2" onclick=x', true],
    ['</onfoo= onbar=', true],
    ['< onclick=x', false],
    ['x onclick=', false],
    [`<a ${'x'.repeat(150)} onclick=`, true],
    [`<a ${'x'.repeat(250)} onclick=`, false],
    ['<a><b onclick=x', true],
    [' onfirst=1 <a onsecond=2', true],
  ])('%s is in a tag: %s', (text, found) => {
    const rule = WAF_RULES.find(({ id }) => id === 'xss-002') as WafRule;
    expect(finds(rule, text)).toBe(found);
  });
});

describe('the decoders', () => {
  const fragments = fc
    .array(
      fc.constantFrom(
        '%',
        '%25',
        '%2525',
        '25',
        '41',
        '%3c',
        '%c0%ae',
        '%c0',
        '%ff',
        '%e2%88%95',
        'u003c',
        '%u003c',
        '\\',
        '\\u',
        '\\x3c',
        '\\u{3c}',
        '\\u{110000}',
        '&',
        '&amp;',
        'amp;',
        '&#',
        '&#x',
        '&#60;',
        '&#x3c;',
        '&lt',
        '&lt;',
        ';',
        '/*',
        '*/',
        '/*!',
        '/*!50000',
        '*',
        '+',
        ' ',
        '\t',
        '\0',
        '\u200b',
        '\ufdfa',
        '\u00bd',
        '\u2025',
        '\uff1c',
        '\ud835',
        '\udcae',
        '\u0338',
        'a',
        '<',
        '{',
        '}',
        '3c',
      ),
      { maxLength: 60 },
    )
    .map((parts) => parts.join(''));

  it('neither throw nor let a text grow past their bound, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fragments, fc.string({ unit: 'binary', maxLength: 200 })), (text) => {
        const plain = plainText(text);
        return plain === undefined || plain.length <= MAX_GROWTH * text.length + 64;
      }),
      { numRuns: 2_000 },
    );
  });

  it.each(['\ufdfa', '\u2a74', '\u33c6', '\u00bd'])(
    'give a text of %s up before it has grown past the bound',
    (letter) => {
      expect(plainText(letter)).toBe(letter.normalize('NFKC').replaceAll(/[\u2044\u2215]/g, '/'));
      expect(plainText(letter.repeat(100_000))).toBeUndefined();
    },
  );

  it('undo no more escapes than half of the characters: each one shortens the text by two', () => {
    for (const escape of ['%41', '%u0041', '&#65;', '&lt;', '\\x41', '\\u0041', '\\u{41}', '%c0%ae', '&#128512;']) {
      expect(plainText(escape)?.length).toBeLessThanOrEqual(escape.length - 2);
    }
  });

  it('find letters in two halves where a text is normalised in pieces', () => {
    const script = '\u{1d4c8}cript';
    for (const before of [16_381, 16_382, 16_383, 16_384])
      expect(plainText(`${'é'.repeat(before)}<${script}`)?.slice(before)).toBe('<script');
  });
});
