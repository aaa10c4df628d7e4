import { createRequire } from 'node:module';
import { AgentwireError } from '@agentwire/core';
import type { RE2JS } from 're2js';
import type { PathMatch } from './path-match.ts';

/** Longest expression, in characters. */
const MAX_CHARACTERS = 1_000;

let engine: typeof RE2JS | undefined;

/** Loads the engine with the first expression: a gateway without one does not need its 260 KB. */
function compile(text: string): RE2JS {
  engine ??= (createRequire(import.meta.url)('re2js') as { readonly RE2JS: typeof RE2JS }).RE2JS;
  return engine.compile(text);
}

/** Checks an expression. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkPathRegex(name: string, value: unknown): void {
  if (typeof value !== 'string' || value === '' || value.length > MAX_CHARACTERS)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be 1 to ${MAX_CHARACTERS} characters in RE2 syntax`);
  try {
    compile(value);
  } catch (cause) {
    const { message } = cause as Error;
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} is not in RE2 syntax: ${message}`, { cause });
  }
}

/** Returns the match of a whole path with an expression in RE2 syntax, which takes time in proportion to the path's length. */
export function regexPath(text: string): PathMatch {
  const expression = compile(text);
  return ({ plain }) => (expression.testExact(plain) ? '' : undefined);
}
