const FORM = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;
/** Characters of a `traceparent` of version 00, which has no more parts. */
const LENGTH = 55;
/** Versions to come may add parts; a longer text is none of them. */
const MAX_LENGTH = 512;

/**
 * Reads a W3C `traceparent`; `undefined` for anything else, for which a receiver begins a trace of its own.
 *
 * One of a later version is read as far as version 00 goes and becomes one of version 00, with the sampled flag alone.
 */
export function readTraceparent(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length < LENGTH || value.length > MAX_LENGTH || !FORM.test(value))
    return undefined;
  if (value.startsWith('00')) return value.length === LENGTH ? value : undefined;
  const sampled = Number.parseInt(value.slice(LENGTH - 1, LENGTH), 16) & 1;
  return `00${value.slice(2, LENGTH - 2)}0${sampled}`;
}
