import { AgentwireError, type ErrorCode, ERROR_CODES } from '@agentwire/core';
import type { JsonValue } from '@agentwire/a2a-router';

/** Characters of an id in a message or note of another node. */
export const MAX_ID = 128;
/** Ids in one note about requests. */
export const MAX_IDS = 64;
const MAX_FAILURE = 1000;

/** News that a request failed on another node. */
interface Failure {
  readonly kind: 'failure';
  readonly code: ErrorCode;
  readonly text: string;
}

/** Writes that a process on this node has a message. */
export const TAKEN = '{"taken":true}';

/** Writes that a process on this node works on a request, so that its asker knows where to cancel it. */
export function encodeWorking(id: string): string {
  return JSON.stringify({ working: id });
}

/** Writes which requests of another node are not in hand on this one. */
export function encodeAbsent(ids: readonly string[]): string {
  return JSON.stringify({ absent: ids });
}

/** Reads the ids that {@link encodeAbsent} has written. @throws AgentwireError `ERR_PROTOCOL` */
export function decodeAbsent(text: string): readonly string[] {
  const { absent } = Object(parseJson(text)) as { readonly absent?: unknown };
  if (isIds(absent)) return absent;
  throw new AgentwireError('ERR_PROTOCOL', 'a note about requests has no ids that can be read');
}

/** Tells whether a note is the announcement of a node. @throws AgentwireError `ERR_PROTOCOL` */
export function isAnnouncement(text: string): boolean {
  return Object(parseJson(text)).instance !== undefined;
}

/** Tells whether a value is the id of a request, of 1 to 128 characters. */
export function isId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_ID;
}

/** Tells whether a value is a list of 1 to 64 ids of requests. */
export function isIds(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.length <= MAX_IDS && value.every(isId);
}

/** Writes that a request failed on this node. */
export function encodeFailure(code: ErrorCode, text: string): string {
  return JSON.stringify({ error: { code, message: text.slice(0, MAX_FAILURE) } });
}

/** Parses the text of another node. @throws AgentwireError `ERR_PROTOCOL` */
export function parseJson(text: string): { readonly [key: string]: JsonValue } {
  try {
    return JSON.parse(text) as { readonly [key: string]: JsonValue };
  } catch (error) {
    throw new AgentwireError('ERR_PROTOCOL', 'a message from another node is no JSON', { cause: error });
  }
}

/** Reads the id of a note that {@link encodeWorking} has written. @throws AgentwireError `ERR_PROTOCOL` */
export function readWorking(id: unknown): { readonly kind: 'working'; readonly id: string } {
  if (!isId(id)) throw new AgentwireError('ERR_PROTOCOL', 'a note about a request has no id that can be read');
  return { kind: 'working', id };
}

/** Reads what {@link encodeFailure} has written. @throws AgentwireError `ERR_PROTOCOL` */
export function readFailure(failure: { readonly code?: unknown; readonly message?: unknown } | null): Failure {
  const { code, message: why } = failure ?? {};
  if (typeof code !== 'string' || !Object.hasOwn(ERROR_CODES, code) || typeof why !== 'string') {
    throw new AgentwireError('ERR_PROTOCOL', 'a failure from another node cannot be read');
  }
  return { kind: 'failure', code: code as ErrorCode, text: why.slice(0, MAX_FAILURE) };
}
