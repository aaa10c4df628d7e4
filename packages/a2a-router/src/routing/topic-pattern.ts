import { AgentwireError } from '@agentwire/core';

const MAX_LENGTH = 1024;
const MAX_TOKENS = 32;

/** Tells whether a topic or pattern has a wildcard: `*` for one word, `>` at the end for one or more. */
export function hasWildcard(pattern: string): boolean {
  return pattern.includes('*') || pattern.includes('>')
    ? pattern.split('.').some((word) => word === '*' || word === '>')
    : false;
}

/** Gives a topic back if it has dot-separated non-empty words and no wildcard, else throws `ERR_INVALID_ARGUMENT`. */
export function checkTopic(name: string): string {
  checkPattern(name);
  if (hasWildcard(name))
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `topic ${JSON.stringify(name)} has a wildcard`);
  return name;
}

/** Gives a pattern back if it is well formed, else throws `ERR_INVALID_ARGUMENT`; 1024 characters and 32 words at most. */
export function checkPattern(pattern: string): string {
  const words = typeof pattern === 'string' && pattern.length <= MAX_LENGTH ? pattern.split('.') : [];
  const bad =
    words.length === 0 ||
    words.length > MAX_TOKENS ||
    words.some((word, at) => word === '' || (word === '>' && at !== words.length - 1));
  if (bad) {
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      `${typeof pattern === 'string' ? JSON.stringify(pattern.slice(0, 80)) : typeof pattern} is no topic: dot-separated words, * for one, > last for the rest`,
    );
  }
  return pattern;
}

/** Tells whether a topic matches a pattern. */
export function topicMatches(pattern: string, topic: string): boolean {
  return patternCovers(pattern, topic);
}

/** Tells whether every topic that `inner` matches is matched by `outer` too. */
export function patternCovers(outer: string, inner: string): boolean {
  if (outer === inner) return true;
  const wide = outer.split('.');
  const narrow = inner.split('.');
  for (let at = 0; at < wide.length; at += 1) {
    const word = wide[at];
    const other = narrow[at];
    if (other === undefined) return false;
    if (word === '>') return true;
    if (other === '>') return false;
    if (word !== '*' && word !== other) return false;
  }
  return wide.length === narrow.length;
}
