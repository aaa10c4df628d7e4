/** Layers of encoding that are undone; text with more of them is an attack, whatever it holds. */
const MAX_ROUNDS = 5;
/** Largest factor by which the normal form of a text may be longer than the text: one letter can stand for eighteen. */
export const MAX_GROWTH = 2;
/** Characters that a short text may grow by beyond that. */
const SPARE_CHARACTERS = 64;
/** Characters that are normalised at once, between two looks at the growth. */
const PIECE_CHARACTERS = 16_384;

const ENTITIES: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  amp: '&',
  colon: ':',
  sol: '/',
  bsol: '\\',
  lpar: '(',
  rpar: ')',
  tab: ' ',
  newline: ' ',
  nbsp: ' ',
};

/** Undoes percent encoding; overlong UTF-8 (`%c0%ae` for a dot) is read as lenient servers read it. */
function percentDecoded(run: string): string {
  if (run.length === 3) {
    const code = Number.parseInt(run.slice(1), 16);
    return code < 0x80 ? String.fromCharCode(code) : '\ufffd';
  }
  const bytes = Buffer.from(run.replaceAll('%', ''), 'hex');
  const short: number[] = [];
  for (let at = 0; at < bytes.length; at++) {
    const [lead = 0, next = 0] = [bytes[at], bytes[at + 1]];
    if ((lead === 0xc0 || lead === 0xc1) && (next & 0xc0) === 0x80) {
      short.push(((lead & 0x1f) << 6) | (next & 0x3f));
      at += 1;
    } else short.push(lead);
  }
  return Buffer.from(short).toString();
}

const character = (code: number): string => (code <= 0x10_ffff ? String.fromCodePoint(code) : '');

/** Undoes one layer of encoding: percent, `%u`, `\u`, `\x` and HTML entities. Each escape is longer than its character by two at least. */
function decodedOnce(text: string): string {
  let decoded = text;
  if (decoded.includes('%')) {
    decoded = decoded
      .replaceAll(/(?:%[0-9a-f]{2}){1,4096}/gi, percentDecoded)
      .replaceAll(/%u([0-9a-f]{4})/gi, (_, hex: string) => character(Number.parseInt(hex, 16)));
  }
  if (decoded.includes('\\')) {
    decoded = decoded.replaceAll(/\\(?:u\{([0-9a-f]{1,6})\}|u([0-9a-f]{4})|x([0-9a-f]{2}))/gi, (_, a, b, c) =>
      character(Number.parseInt(((a ?? b ?? c) as string | undefined) ?? '0', 16)),
    );
  }
  if (!decoded.includes('&')) return decoded;
  return decoded
    .replaceAll(/&#(?:x([0-9a-f]{1,6})|([0-9]{1,7}));?/gi, (_, hex?: string, decimal?: string) =>
      character(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)),
    )
    .replaceAll(/&([a-z]{2,7});/gi, (whole, name: string) => ENTITIES[name.toLowerCase()] ?? whole);
}

/** Returns the normal form of a text (NFKC); `undefined` as soon as it has grown past {@link MAX_GROWTH}. */
function normalized(text: string): string | undefined {
  const most = MAX_GROWTH * text.length + SPARE_CHARACTERS;
  let normal = '';
  let at = 0;
  while (at < text.length) {
    let end = at + PIECE_CHARACTERS;
    // a letter of two halves stays in one piece
    if ((text.charCodeAt(end - 1) & 0xfc00) === 0xd800) end += 1;
    normal += text.slice(at, end).normalize('NFKC');
    if (normal.length > most) return undefined;
    at = end;
  }
  return normal;
}

/**
 * Returns text as the application behind may read it: every encoding undone, full-width letters narrow, comments and control
 * characters as one space. `undefined` for text that is encoded more than five times, or that grows to more than twice its length.
 */
export function plainText(text: string): string | undefined {
  if (PLAIN.test(text) && !text.includes('/*') && !text.includes('  ')) return text;
  let plain = text.replaceAll('+', ' ');
  for (let round = 0; ; round++) {
    const next = decodedOnce(plain);
    if (next === plain) break;
    if (round === MAX_ROUNDS) return undefined;
    plain = next;
  }
  return (
    normalized(plain)
      ?.replaceAll(/[\u2044\u2215\u29f8]/g, '/')
      // MySQL reads the content of /*! … */
      .replaceAll(/\/\*(?!!)[^*]{0,200}\*\/|\/\*!\d{0,6}|\*\//g, ' ')
      .replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
  );
}

/** Text that holds nothing encoded: printable ASCII without `%`, `&`, `+` and backslash. */
const PLAIN = /^[\x20-\x24\x27-\x2a\x2c-\x5b\x5d-\x7e]*$/;

/** Charsets that hold ASCII as it is. */
const ASCII_CHARSETS = /^(?:utf-?8|(?:us-)?ascii|iso-8859-\d{1,2}|latin1|windows-125\d)$/i;

/** Returns whether every second byte of the begin is NUL, as in UTF-16 of Latin letters. */
function hasNulAt(bytes: Uint8Array, first: 0 | 1): boolean {
  let nuls = 0;
  const end = Math.min(bytes.byteLength, 64);
  for (let at = first; at < end; at += 2) if (bytes[at] === 0) nuls += 1;
  return nuls > 0 && nuls * 4 >= end;
}

/** Returns the text of a body in its charset, or the one that its bytes show; `undefined` for a charset that cannot be read. */
export function textOf(bytes: Uint8Array, contentType: string): string | undefined {
  const named = /charset\s{0,8}=\s{0,8}"?([^\s;"]{1,40})/i.exec(contentType)?.[1] ?? 'utf-8';
  const [first, second] = bytes;
  if (/^utf-?16be$/i.test(named) || (first === 0xfe && second === 0xff) || hasNulAt(bytes, 0))
    return new TextDecoder('utf-16be').decode(bytes);
  if (/^utf-?16(?:le)?$/i.test(named) || (first === 0xff && second === 0xfe) || hasNulAt(bytes, 1))
    return new TextDecoder('utf-16le').decode(bytes);
  if (!ASCII_CHARSETS.test(named)) return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
