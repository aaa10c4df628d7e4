import { AgentwireError, ERROR_CODES, type ErrorCode } from '@agentwire/core';
import { printable } from '@agentwire/core/internal';
import { readCount, type JsonObject } from './read-fields.ts';

const MAX_TEXT = 512;
const VERSION_TEXT = /unsupported protocol version/i;
/** Codes that a refusal carries; any other arrives as `ERR_REFUSED`. */
const KEPT: readonly ErrorCode[] = [
  'ERR_DRAINING',
  'ERR_DUPLICATE_AGENT',
  'ERR_OVERLOADED',
  'ERR_UNAUTHORIZED',
  'ERR_VERSION_MISMATCH',
];

/** The text of a refusal, cut to 512 characters. */
function refusalText(error: AgentwireError, role: 'agent' | 'proxy'): string {
  const { offered, supported } = error.detail ?? {};
  if (error.code === 'ERR_VERSION_MISMATCH' && Array.isArray(offered) && Array.isArray(supported)) {
    return `unsupported protocol version ${offered.join(', ') || 'none'}, this ${role} speaks ${supported.join(', ')}`;
  }
  return error.message.slice(0, MAX_TEXT);
}

/** Fields of a refusal; `error_code` is an extension of agentwire. */
export function refusalFields(error: AgentwireError, role: 'agent' | 'proxy'): JsonObject {
  return { error: refusalText(error, role), ...(KEPT.includes(error.code) ? { error_code: error.code } : undefined) };
}

/** The error of a refusal, at the refused side. */
export function readRefusal(what: string, from: JsonObject): AgentwireError {
  const given = from['error'];
  const text = typeof given === 'string' ? printable(given.slice(0, MAX_TEXT)) : 'no reason was given';
  const word = from['error_code'];
  const code = KEPT.find((kept) => kept === word) ?? (VERSION_TEXT.test(text) ? 'ERR_VERSION_MISMATCH' : 'ERR_REFUSED');
  return new AgentwireError(code, `refused by the other side: ${text}`, {
    retryable: ERROR_CODES[code].retryable,
    detail: { protocolVersion: readCount(what, from, 'protocol_version') },
  });
}
