import { AgentwireError } from '@agentwire/core';
import { parseJson } from '@agentwire/wire-codec/internal';

/** A JSON object whose fields are not checked yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Limits of the outer parse; the inner codec has its own. */
const LIMITS = { maxDepth: 256, maxNodes: 200_000, idPaths: [] };

/** Tells if a value is a JSON object. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The byte that a frame of version 1 has where version 2 has its type: the `{` of its JSON. */
export const BRACE = 0x7b;

/**
 * Parses a frame of version 1, cut as one of version 2.
 *
 * @throws AgentwireError `ERR_PROTOCOL` for what is no JSON object, `ERR_VERSION_MISMATCH` for another version in it
 */
export function parseFrame(type: number, bytes: Buffer, start: number, end: number): JsonObject {
  if (type !== BRACE) {
    const seen = `0x${type.toString(16).padStart(2, '0')}`;
    throw new AgentwireError('ERR_PROTOCOL', `a frame of type ${seen} came, but this connection speaks version 1`);
  }
  const { value, error } = parseJson(bytes, start - 1, end, LIMITS);
  if (error !== undefined) {
    const length = end - start + 1;
    throw new AgentwireError(error.code, `a message of version 1 (${length} bytes) cannot be read: ${error.message}`);
  }
  if (!isObject(value)) throw new AgentwireError('ERR_PROTOCOL', 'a message of version 1 is not a JSON object');
  const { version } = value;
  if (version === 1) return value;
  const seen = typeof version === 'number' ? `version ${version}` : 'no version';
  throw new AgentwireError('ERR_VERSION_MISMATCH', `a message says ${seen}, but this connection speaks version 1`, {
    detail: { offered: [version], supported: [1] },
  });
}
