import { checkFields, checkStatus, checkText, checkTexts, fault, isObject } from './decision-fault.ts';
import type { HeaderList } from './events.ts';
import { isValidHeaderName, isValidHeaderValue } from './header-syntax.ts';

/** Limit of header lines of a block, and of header operations of one list. */
export const MAX_DECISION_HEADERS = 1000;

/** Checks the headers of a block. @throws AgentwireError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_HEADER` */
function checkBlockHeaders(list: unknown, where: string): void {
  if (Array.isArray(list) && list.length > 2 * MAX_DECISION_HEADERS)
    throw fault(where, `must have at most ${MAX_DECISION_HEADERS} lines`);
  checkHeaderLines(list, where);
}

/** Checks a list of alternating names and values that HTTP can carry. @throws AgentwireError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_HEADER` */
export function checkHeaderLines(list: unknown, where: string): void {
  if (!Array.isArray(list) || list.length % 2 !== 0) throw fault(where, 'must be an array of names and values in turn');
  for (let i = 0; i < list.length; i += 2) {
    if (!isValidHeaderName(list[i])) throw fault(`${where}[${i}]`, 'must be an HTTP token', 'ERR_INVALID_HEADER');
    if (!isValidHeaderValue(list[i + 1]))
      throw fault(`${where}[${i + 1}]`, 'must be text that a header can carry', 'ERR_INVALID_HEADER');
  }
}

/**
 * Refuses a block whose headers have a name twice, in any spelling: most wires have one value per name, and a decision is sent
 * or refused alike on all of them. A third party's block, whose wire can carry it, is delivered.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT`
 */
export function checkOneValueAName(headers: HeaderList | undefined): void {
  if (headers === undefined || headers.length <= 2) return;
  const seen = new Set<string>();
  for (let i = 0; i < headers.length; i += 2) {
    const name = (headers[i] as string).toLowerCase();
    if (seen.has(name)) throw fault('verdict.headers', 'of a block must have one value per name');
    seen.add(name);
  }
}

/**
 * Returns whether a client can be sent to `url`: absolute with http or https, or a path on the same host, which begins with one
 * slash and no second one or backslash; without spaces and control characters.
 */
function isRedirectUrl(url: unknown): url is string {
  if (typeof url !== 'string' || !/^(?:https?:\/\/[^/\\?#]|\/(?![/\\]))/i.test(url)) return false;
  for (let i = 0; i < url.length; i++) {
    const code = url.charCodeAt(i);
    if (code <= 0x20 || (code >= 0x7f && code <= 0xa0)) return false;
  }
  return url.isWellFormed();
}

const VARIANTS = {
  allow: ['type'],
  block: ['type', 'status', 'body', 'headers'],
  redirect: ['type', 'url', 'status'],
  challenge: ['type', 'challengeType', 'params'],
} as const;

/** Checks a verdict. @throws AgentwireError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_HEADER` */
export function checkVerdict(verdict: unknown, where: string): void {
  if (!isObject(verdict)) throw fault(where, 'must be an object');
  const { type, status } = verdict;
  if (typeof type !== 'string' || !Object.hasOwn(VARIANTS, type))
    throw fault(`${where}.type`, 'must be allow, block, redirect or challenge');
  checkFields(verdict, VARIANTS[type as keyof typeof VARIANTS], where);
  if (type === 'block') {
    checkStatus(status, 200, 999, `${where}.status`);
    if (verdict['body'] !== undefined) checkText(verdict['body'], `${where}.body`);
    if (verdict['headers'] !== undefined) checkBlockHeaders(verdict['headers'], `${where}.headers`);
  } else if (type === 'redirect') {
    checkStatus(status, 300, 399, `${where}.status`);
    if (status === 304) throw fault(`${where}.status`, 'must not be 304, which redirects to nothing');
    if (!isRedirectUrl(verdict['url'])) {
      const what = 'must be an http or https URL, or a path that begins with one slash, without spaces';
      throw fault(`${where}.url`, what, 'ERR_INVALID_HEADER');
    }
  } else if (type === 'challenge') {
    const { challengeType } = verdict;
    checkText(challengeType, `${where}.challengeType`);
    // a proxy of HTTP answers it in WWW-Authenticate
    if (!isValidHeaderValue(challengeType))
      throw fault(`${where}.challengeType`, 'must be text that a header can carry', 'ERR_INVALID_HEADER');
    checkTexts(verdict['params'], `${where}.params`);
  }
}
