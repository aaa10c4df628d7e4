import type { HeaderList } from '@agentwire/core';

import { equalsHeaderName } from './intern-header-name.ts';
import { COOKIE } from './names.ts';

/** Separator of several values of `lower` in one: RFC 9113 §8.2.3 for cookies, RFC 9110 §5.3 for all others. */
const joinerOf = (lower: string): string => (lower === COOKIE ? '; ' : ', ');

/** All values of `lower` as one, or `undefined`. */
export function valueIn(list: HeaderList, lower: string): string | undefined {
  let found: string | undefined;
  for (let i = 0; i < list.length; i += 2) {
    if (equalsHeaderName(list[i] as string, lower)) {
      found = found === undefined ? list[i + 1] : found + joinerOf(lower) + (list[i + 1] as string);
    }
  }
  return found;
}

/** All values of `lower`, in order. */
export function valuesIn(list: HeaderList, lower: string): string[] {
  const found: string[] = [];
  for (let i = 0; i < list.length; i += 2) {
    if (equalsHeaderName(list[i] as string, lower)) found.push(list[i + 1] as string);
  }
  return found;
}

/** Index of the first line of `lower` at or after `from`, or -1. */
export function indexIn(list: HeaderList, lower: string, from = 0): number {
  for (let i = from; i < list.length; i += 2) if (equalsHeaderName(list[i] as string, lower)) return i;
  return -1;
}

/** Removes every line of `list` whose name `matches`, in place, from index `from` on. */
export function removeFrom(list: string[], matches: (name: string) => boolean, from = 0): void {
  let kept = from;
  for (let i = from; i < list.length; i += 2) {
    const name = list[i] as string;
    if (matches(name)) continue;
    list[kept++] = name;
    list[kept++] = list[i + 1] as string;
  }
  list.length = kept;
}

/**
 * Puts `values` at the position of the first line of `lower`, or at the end, and removes all its other lines.
 *
 * @param same the rule by which a line is one of `lower`
 */
export function setIn(
  list: string[],
  name: string,
  lower: string,
  values: readonly string[],
  same: (name: string, lower: string) => boolean = equalsHeaderName,
): void {
  let at = 0;
  while (at < list.length && !same(list[at] as string, lower)) at += 2;
  removeFrom(list, (other) => same(other, lower), at);
  if (at >= list.length) for (const value of values) list.push(name, value);
  else list.splice(at, 0, ...values.flatMap((value) => [name, value]));
}
