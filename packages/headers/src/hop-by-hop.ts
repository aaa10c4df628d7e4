import type { HeaderList } from '@agentwire/core';

import { equalsHeaderName, internHeaderName } from './intern-header-name.ts';
import { CONNECTION, TRANSFER_ENCODING } from './names.ts';
import { valuesIn } from './raw-list.ts';

/**
 * Names that mean one connection only and never pass a proxy (RFC 9110 §7.6.1 and the list of RFC 2616 §13.5.1).
 *
 * `Connection` can name more of them: see {@link stripHopByHop}.
 */
export const HOP_BY_HOP_NAMES: readonly string[] = Object.freeze([
  CONNECTION,
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  TRANSFER_ENCODING,
  'upgrade',
]);

const known: ReadonlySet<string> = new Set(HOP_BY_HOP_NAMES);

/** Whether `name`, in any case, is one of {@link HOP_BY_HOP_NAMES}. */
export function isHopByHop(name: string): boolean {
  return known.has(internHeaderName(name));
}

/**
 * Gives `list` without hop-by-hop headers: the fixed ones and those that its `Connection` headers name.
 *
 * The list itself is not changed; where there is nothing to strip, it is the result. Strip before trusted headers are
 * set: a client could otherwise name one of them in `Connection` and have the next hop drop it.
 */
export function stripHopByHop(list: HeaderList): HeaderList {
  const named = valuesIn(list, CONNECTION)
    .flatMap((value) => value.split(','))
    .map((token) => internHeaderName(token.trim()));
  const goes = (name: string): boolean => isHopByHop(name) || named.some((lower) => equalsHeaderName(name, lower));
  let out: string[] | undefined;
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i] as string;
    if (goes(name)) out ??= list.slice(0, i);
    else out?.push(name, list[i + 1] as string);
  }
  return out ?? list;
}
