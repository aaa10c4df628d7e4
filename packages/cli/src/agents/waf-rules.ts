/** Rule: a pattern, and the tag of its kind. */
export interface WafRule {
  readonly id: string;
  readonly tag: string;
  /** Shape of an attack in text whose encodings are undone, in which white space is one space. */
  readonly pattern: RegExp;
  /** Place in which alone a match counts; default anywhere. */
  readonly inside?: Place;
}

/** Place behind an opening that is not closed yet, such as the inside of a tag. */
interface Place {
  readonly opening: RegExp;
  readonly end: string;
  /** Longest distance from the opening to the match, in characters. */
  readonly reach: number;
}

/** Longest text that an opening matches, in characters. */
const LONGEST_OPENING = 16;

/**
 * Rules for text whose encodings are undone. Each takes a number of steps in proportion to the text, whatever an attacker
 * writes: repetitions are short, and what depends on a place far back is a {@link Place} instead of a pattern.
 */
export const WAF_RULES: readonly WafRule[] = [
  { id: 'lfi-001', tag: 'lfi', pattern: /(?:^|[\\/=?&;:"' ])\.\.(?:[\\/?#;&"]|$)/ },
  {
    id: 'lfi-002',
    tag: 'lfi',
    pattern: /\/etc\/(?:passwd|shadow|group)\b|\b(?:win|boot)\.ini\b|\/proc\/self\/|\b(?:php|expect|phar):\/\//i,
  },
  { id: 'sqli-001', tag: 'sqli', pattern: /\bunion\b[ (]{0,8}(?:(?:all|distinct)\b[ (]{0,8})?select\b/i },
  {
    id: 'sqli-002',
    tag: 'sqli',
    pattern:
      /['")\d`] ?(?:\b(?:or|and|xor)\b|\|\||&&)[ (!~+-]{0,8}(?:not\b ?)?['"]?[\w.]{0,32}['"]? ?(?:=|<|>|\bis\b|\blike\b|\bin\b|--|#)/i,
  },
  {
    id: 'sqli-003',
    tag: 'sqli',
    pattern: /; ?(?:drop|truncate|alter|create) (?:table|database|user)\b|; ?(?:delete from|insert into|shutdown)\b/i,
  },
  {
    id: 'sqli-004',
    tag: 'sqli',
    pattern:
      /\b(?:sleep|benchmark|pg_sleep|extractvalue|updatexml|load_file) ?\(|\bwaitfor delay\b|\binformation_schema\b|\bxp_cmdshell\b|\binto (?:out|dump)file\b|['"] ?(?:--|#)(?: |$)/i,
  },
  { id: 'xss-001', tag: 'xss', pattern: /< ?\/? ?script\b|\b(?:java|vb|live) ?script ?:/i },
  {
    id: 'xss-002',
    tag: 'xss',
    pattern: /[ /"'`]on[a-z]{3,24} ?=/i,
    inside: { opening: /<[a-z!/]/i, end: '>', reach: 200 },
  },
  {
    id: 'xss-003',
    tag: 'xss',
    pattern: /[ /](?:src|srcdoc|data|href|content|http-equiv) ?=/i,
    inside: {
      opening: /< ?(?:iframe|object|embed|applet|base|meta|link|svg|math)\b/i,
      end: '>',
      reach: 200,
    },
  },
  { id: 'xss-004', tag: 'xss', pattern: /\bdata:text\/html\b/i },
  {
    id: 'rce-001',
    tag: 'rce',
    pattern:
      /(?:[;|&`\n]|\$\() ?(?:cat|id|whoami|uname|wget|curl|nc|ncat|bash|sh|zsh|powershell|python3?|perl)\b(?= ?(?:$|[-/;|&`)<>]|https?:))/i,
  },
  {
    id: 'rce-002',
    tag: 'rce',
    pattern: /\b(?:jndi|lower|upper|env|sys)\b ?:/i,
    inside: { opening: /\$\{/, end: '}', reach: 40 },
  },
  { id: 'rce-003', tag: 'rce', pattern: /\(\) ?\{ ?:?;/ },
];

const everywhere = (pattern: RegExp): RegExp => new RegExp(pattern.source, `${pattern.flags}g`);

/** Returns where the last opening in a part of the text stands that is not closed behind it, or -1. */
function lastOpening(part: string, opening: RegExp, end: string): number {
  let last = -1;
  const closed = part.lastIndexOf(end) + 1;
  for (const { index } of part.slice(closed).matchAll(opening)) last = closed + index;
  return last;
}

/** Looks for a match in a place; each character is looked at once for its opening, and at most 16 more before each match. */
function matchesInside(text: string, pattern: RegExp, { opening, end, reach }: Place): boolean {
  const [matches, openings] = [everywhere(pattern), everywhere(opening)];
  let open = -1;
  let seen = 0;
  for (const { index } of text.matchAll(matches)) {
    const from = Math.max(0, seen - LONGEST_OPENING, index - reach);
    const part = text.slice(from, index);
    if (part.includes(end)) open = -1;
    const found = lastOpening(part, openings, end);
    if (found >= 0) open = from + found;
    if (open >= 0 && index - open <= reach + LONGEST_OPENING) return true;
    seen = index;
  }
  return false;
}

/** Returns whether a rule finds its attack in a text of {@link plainText}. */
export function finds({ pattern, inside }: WafRule, text: string): boolean {
  return inside === undefined ? pattern.test(text) : matchesInside(text, pattern, inside);
}
