import { AgentwireError } from '@agentwire/core';
import { checkPattern, checkTopic } from '@agentwire/a2a-router/internal';

const PLAIN = /^[A-Za-z0-9_-]+$/;
const SPELLED = /^(?:[A-Za-z0-9_-]|=[0-9A-F]{2})+$/;

/** Tells whether a name needs no encoding to be a subject token. */
export function isPlain(name: string): boolean {
  return PLAIN.test(name);
}

/**
 * Writes a name as one subject token: letters, digits, `_` and `-` stay, every other byte of its UTF-8 becomes `=XX`.
 *
 * The empty name is `=`. Throws `ERR_INVALID_ARGUMENT` for a lone surrogate, which has no UTF-8.
 */
export function encodeToken(name: string): string {
  if (PLAIN.test(name)) return name;
  if (name === '') return '=';
  if (!name.isWellFormed()) {
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'a name with a lone surrogate cannot be a subject');
  }
  let token = '';
  for (const byte of Buffer.from(name)) {
    const char = String.fromCharCode(byte);
    token += PLAIN.test(char) ? char : `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return token;
}

/**
 * Reads what {@link encodeToken} writes; every other spelling is `ERR_PROTOCOL`, so that a name has one token.
 *
 * @throws AgentwireError `ERR_PROTOCOL`
 */
export function decodeToken(token: string): string {
  if (PLAIN.test(token)) return token;
  if (token === '=') return '';
  if (SPELLED.test(token)) {
    const bytes: number[] = [];
    for (const [part] of token.matchAll(/=[0-9A-F]{2}|./gs)) {
      bytes.push(part.length === 3 ? Number.parseInt(part.slice(1), 16) : part.charCodeAt(0));
    }
    const name = Buffer.from(bytes).toString();
    if (encodeToken(name) === token) return name;
  }
  throw new AgentwireError('ERR_PROTOCOL', 'a subject token cannot be read');
}

/** Writes a topic or pattern as subject tokens; `*` and `>` stay what they are. */
export function encodeTopic(pattern: string): string {
  return checkPattern(pattern)
    .split('.')
    .map((word) => (word === '*' || word === '>' ? word : encodeToken(word)))
    .join('.');
}

/**
 * Reads the tokens of a topic; one with a wildcard, or in another spelling than {@link encodeTopic}, is `ERR_PROTOCOL`.
 *
 * @throws AgentwireError `ERR_PROTOCOL`
 */
export function decodeTopic(tokens: readonly string[]): string {
  const topic = tokens.map(decodeToken).join('.');
  try {
    if (encodeTopic(checkTopic(topic)) === tokens.join('.')) return topic;
  } catch (error) {
    throw new AgentwireError('ERR_PROTOCOL', 'a subject names no topic', { cause: error });
  }
  throw new AgentwireError('ERR_PROTOCOL', 'a topic is spelled in another way than its own');
}
