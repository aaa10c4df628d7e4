import { AgentwireError } from '@agentwire/core';
import { readText, readTexts, type JsonObject } from './read-fields.ts';

/** The only values of `supported_encodings` and `encoding`: the crate refuses a handshake with others. */
const WIRE_ENCODINGS: ReadonlySet<string> = new Set(['json', 'msgpack']);

/** Values of `encodings` that the wire has, in their order; `json` if none is left. */
export function wireEncodings(encodings: readonly string[]): readonly string[] {
  const known = encodings.filter((word, at) => WIRE_ENCODINGS.has(word) && encodings.indexOf(word) === at);
  return known.length === 0 ? ['json'] : known;
}

/** Reads `supported_encodings`. Absent means json alone; unknown values are skipped, so that json is left. */
export function readOfferedEncodings(what: string, from: JsonObject): readonly string[] {
  return wireEncodings(readTexts(what, from, 'supported_encodings') ?? []);
}

/** Reads the `encoding` that the other side chose. @throws AgentwireError `ERR_PROTOCOL` when it was not offered. */
export function readChosenEncoding(what: string, from: JsonObject, offered: readonly string[]): string {
  const encoding = readText(what, from, 'encoding') ?? 'json';
  if (encoding === 'json' || wireEncodings(offered).includes(encoding)) return encoding;
  throw new AgentwireError(
    'ERR_PROTOCOL',
    `${what} chose the encoding ${JSON.stringify(encoding.slice(0, 40))}, offered were ${wireEncodings(offered).join(', ')}`,
  );
}
