import { AgentwireError } from '@agentwire/core';

// node has it since version 21; TypeScript's library types lack it
const { rawJSON } = JSON as unknown as { readonly rawJSON: (this: void, text: string) => unknown };

/** A copy in which half surrogate pairs are U+FFFD, in names too: other parsers refuse a document that has one. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null) return value;
  if ('toJSON' in value && typeof value.toJSON === 'function') return wellFormed((value.toJSON as () => unknown)());
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name.toWellFormed(), wellFormed(one)]));
}

function replaceBigInts(_name: string, value: unknown): unknown {
  return typeof value === 'bigint' ? rawJSON(value.toString()) : value;
}

function stringify(wire: unknown): string {
  try {
    return JSON.stringify(wire);
  } catch {
    // a bigint, or a value that has no JSON
    return JSON.stringify(wire, replaceBigInts);
  }
}

/**
 * Writes a wire object as JSON text. Bigints are written as whole numbers, half surrogate pairs as U+FFFD.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for a value that has no JSON, such as one that contains itself.
 */
export function stringifyJson(wire: unknown): string {
  try {
    const text = stringify(wire);
    return text.includes('\\ud') ? stringify(wellFormed(wire)) : text;
  } catch (cause) {
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'the message holds a value that cannot be written as JSON', {
      cause,
    });
  }
}
