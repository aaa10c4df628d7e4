import { DecodeError } from '../messages/decode-error.ts';

type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;
// node has the third argument since version 21; TypeScript's library types lack it
const parse = JSON.parse as (text: string, reviver: Reviver) => unknown;

const MOST = 2n ** 64n - 1n;
const LEAST = -(2n ** 63n);
/** Longest whole number of 64 bits: 20 digits, or a sign and 19. */
const MOST_DIGITS = 20;

/** Makes a bigint of a whole number that JavaScript would round; one in JavaScript's own spelling stays a number. */
function exact(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || source === undefined) return value;
  if (String(value) === source || !/^-?\d+$/.test(source)) return value;
  const whole = source.length > MOST_DIGITS ? undefined : BigInt(source);
  if (whole === undefined || whole > MOST || whole < LEAST)
    throw new DecodeError('a whole number of more than 64 bits would be rounded; write it as text or with an exponent');
  return whole;
}

/**
 * Parses JSON whose whole numbers past 2^53−1 are kept as bigints, as those of MessagePack are. Slower than `JSON.parse`.
 *
 * @throws DecodeError for a number of more than 64 bits
 * @throws SyntaxError for text that is no JSON
 */
export function parseExact(text: string): unknown {
  return parse(text, exact);
}
