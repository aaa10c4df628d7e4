// Takes personal data out of responses while they stream: across chunks, and inside gzip, deflate, br and zstd.
import { type Agent, allow, defineAgent } from 'agentwire';

/** Each repetition has a limit, so that the agent never keeps more than the longest match back. */
const EMAIL = String.raw`\b[\w.+-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,24}\b`;
/** Digits with single spaces or hyphens between them: one card number, or several numbers. */
const DIGITS = String.raw`\b\d(?:[ -]?\d){12,63}\b`;
const PERSONAL = new RegExp(`(${EMAIL})|${DIGITS}`, 'i');

/** Checksum of card numbers (Luhn), so that order numbers and timestamps stay. */
function isCard(digits: string): boolean {
  if (digits.length < 13 || digits.length > 19) return false;
  const doubled = (digit: number): number => (digit > 4 ? digit * 2 - 9 : digit * 2);
  const numbers = Array.from(digits, Number).toReversed();
  return numbers.reduce((sum, digit, at) => sum + (at % 2 === 0 ? digit : doubled(digit)), 0) % 10 === 0;
}

/** Looks for a card in any groups of digits that stand together. */
function withoutCards(text: string): string {
  const parts = text.split(/([ -])/); // digits, and what separates them, by turns
  for (let from = 0; from < parts.length; from += 2) {
    for (let to = parts.length; to > from; to -= 2) {
      const digits = parts.slice(from, to).join('').replaceAll(/\D/g, '');
      if (!isCard(digits)) continue;
      parts.splice(from, to - from, `[card ${digits.slice(-4)}]`);
      break;
    }
  }
  return parts.join('');
}

const TEXT = /^(?:text\/|application\/(?:[\w.-]+\+)?(?:json|xml|x-ndjson))/i;

/** A part of a response could begin in the middle of a match, so the whole is asked for, in a coding that can be undone. */
const WHOLE = allow()
  .removeRequestHeader('range')
  .removeRequestHeader('if-range')
  .setRequestHeader('accept-encoding', 'gzip, br, zstd')
  .freeze();
const REDACT = allow()
  .replaceText(PERSONAL, (match, email) => (email === undefined ? withoutCards(match) : '[email]'))
  .freeze();
const OTHER = allow().done().freeze();

const redact: Agent = defineAgent({
  name: 'redact',
  version: '1.0.0',
  responseBody: true,
  onRequestHeaders: () => WHOLE,
  onResponseHeaders: ({ headers }) => (TEXT.test(headers.get('content-type') ?? 'text/plain') ? REDACT : OTHER),
});

export default redact;
