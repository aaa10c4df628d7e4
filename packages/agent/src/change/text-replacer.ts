import { AgentwireError } from '@agentwire/core';
import { type Reach, reachOf } from './pattern-reach.ts';
import { toBytes, Utf8Reader } from './utf8-text.ts';

/** Replacement of a match: text as it is, or a function of the match and its groups. */
export type TextReplacement = string | ((match: string, ...groups: (string | undefined)[]) => string);

/** Longest text that decides on one match, in UTF-16 units. */
const MAX_REACH_UNITS = 65_536;

/** Checked pattern of `replaceText`, with a replacement. */
export interface TextRule {
  readonly pattern: RegExp;
  readonly reach: Reach;
  readonly replacement: TextReplacement;
}

function patternOf(pattern: unknown): RegExp {
  if (typeof pattern === 'string') return new RegExp(pattern.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`), 'g');
  if (!(pattern instanceof RegExp) || pattern.sticky)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'replaceText() takes a text, or a RegExp without the flag y');
  return new RegExp(pattern.source, pattern.global ? pattern.flags : `${pattern.flags}g`);
}

/** Checks the arguments of `replaceText`. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function textRule(pattern: string | RegExp, replacement: TextReplacement): TextRule {
  if (typeof replacement !== 'string' && typeof replacement !== 'function')
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'the replacement of replaceText() is a text or a function');
  const compiled = patternOf(pattern);
  return { pattern: compiled, reach: reachOf(compiled, MAX_REACH_UNITS), replacement };
}

/**
 * Replaces every match of a pattern in a text that arrives in pieces, with the result that one `replaceAll` on the whole text
 * has. It keeps back only the end that more text could turn into a match.
 */
class TextReplacer {
  readonly #rule: TextRule;
  /** Passed text that lookbehinds may read, then the text that is not decided. */
  #text = '';
  /** Start of the text that is not decided. */
  #from = 0;

  constructor(rule: TextRule) {
    this.#rule = rule;
  }

  /** Takes the next piece and returns what is decided. */
  write(piece: string, last: boolean): string {
    const { pattern, reach } = this.#rule;
    const text = this.#text + piece;
    // every match that begins here at the latest was seen with all that decides on it
    const settled = last ? text.length : text.length - reach.ahead;
    const output: string[] = [];
    let from = this.#from;
    for (;;) {
      pattern.lastIndex = from;
      const match = pattern.exec(text);
      if (match === null || match.index > settled) break;
      output.push(text.slice(from, match.index), this.#replacementOf(match));
      from = match.index + match[0].length;
    }
    const end = last ? text.length : wholeUntil(text, Math.max(from, settled + 1));
    output.push(text.slice(from, end));
    this.#from = Math.min(end, Math.max(1, reach.behind));
    this.#text = text.slice(end - this.#from);
    return output.join('');
  }

  #replacementOf(match: RegExpExecArray): string {
    const { replacement } = this.#rule;
    return typeof replacement === 'string' ? replacement : replacement(match[0], ...match.slice(1));
  }
}

/** Returns `end`, or the index before it where it would split a surrogate pair. */
function wholeUntil(text: string, end: number): number {
  const splits = end > 0 && end < text.length && (text.charCodeAt(end - 1) & 0xfc00) === 0xd800;
  return splits ? end - 1 : end;
}

/** Replaces text in a body. Bytes that are no UTF-8 pass as they are. */
export async function* replaceTextIn(
  body: AsyncIterable<Uint8Array>,
  rule: TextRule,
): AsyncGenerator<Uint8Array, undefined> {
  const reader = new Utf8Reader();
  const replacer = new TextReplacer(rule);
  for await (const piece of body) yield toBytes(replacer.write(reader.read(piece, false), false));
  yield toBytes(replacer.write(reader.read(new Uint8Array(0), true), true));
}
