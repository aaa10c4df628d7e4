import type { Answer, Audit, Decision, HeaderOp } from '@agentwire/core';
import {
  AUDIT_REASON_CODES,
  AUDIT_RULE_IDS,
  AUDIT_TAGS,
  OP_ADD,
  OP_REMOVE,
  OP_SET,
  RESPONSE_ALLOW,
  RESPONSE_AUDIT,
  RESPONSE_CORRELATION_ID,
  RESPONSE_NEEDS_MORE,
  RESPONSE_REQUEST_HEADERS,
  RESPONSE_RESPONSE_HEADERS,
  HEADER_NAME,
  HEADER_VALUE,
} from './field-tags.ts';
import { hotRead, openText, readEnd, readPrintable, readText, readToken, readVarint } from './read-fields.ts';

/** Longest answer, without its id, that is read here. */
const MAX_HOT_BYTES = 1024;

function readOp(buffer: Buffer, end: number): HeaderOp | undefined {
  const to = readEnd(buffer, end);
  const tag = buffer[hotRead.at++];
  if (tag === OP_REMOVE) {
    const name = readToken(buffer, to);
    return hotRead.at === to ? { op: 'remove', name } : undefined;
  }
  if ((tag !== OP_SET && tag !== OP_ADD) || readEnd(buffer, to) !== to || buffer[hotRead.at++] !== HEADER_NAME)
    return undefined;
  const name = readToken(buffer, to);
  let value = '';
  if (hotRead.at < to) {
    if (buffer[hotRead.at++] !== HEADER_VALUE) return undefined;
    value = readPrintable(buffer, to, 0x20);
  }
  return hotRead.at === to ? { op: tag === OP_SET ? 'set' : 'add', name, value } : undefined;
}

function readAudit(buffer: Buffer, end: number): Audit | undefined {
  const audit: { tags?: string[]; ruleIds?: string[]; reasonCodes?: string[] } = {};
  while (hotRead.at < end && !hotRead.declined) {
    const tag = buffer[hotRead.at++];
    if (tag === AUDIT_TAGS) (audit.tags ??= []).push(readText(buffer, end));
    else if (tag === AUDIT_RULE_IDS) (audit.ruleIds ??= []).push(readText(buffer, end));
    else if (tag === AUDIT_REASON_CODES) (audit.reasonCodes ??= []).push(readText(buffer, end));
    else return undefined;
  }
  return audit;
}

/** Reads an allow with header operations and tags; undefined for any other. */
function readUsual(buffer: Buffer, from: number, end: number): Decision | undefined {
  hotRead.at = from;
  hotRead.declined = false;
  if (buffer[hotRead.at++] !== RESPONSE_ALLOW || buffer[hotRead.at++] !== 0) return undefined;
  const decision: { -readonly [K in keyof Decision]: Decision[K] } = { verdict: { type: 'allow' } };
  const requestHeaders: HeaderOp[] = [];
  const responseHeaders: HeaderOp[] = [];
  while (hotRead.at < end && !hotRead.declined) {
    const tag = buffer[hotRead.at++];
    if (tag === RESPONSE_REQUEST_HEADERS || tag === RESPONSE_RESPONSE_HEADERS) {
      const op = readOp(buffer, end);
      if (op === undefined) return undefined;
      (tag === RESPONSE_REQUEST_HEADERS ? requestHeaders : responseHeaders).push(op);
    } else if (tag === RESPONSE_AUDIT && decision.audit === undefined) {
      const audit = readAudit(buffer, readEnd(buffer, end));
      if (audit === undefined) return undefined;
      decision.audit = audit;
    } else if (tag === RESPONSE_NEEDS_MORE) {
      if (decision.needsMore === true || readVarint(buffer) !== 1) return undefined;
      decision.needsMore = true;
    } else return undefined;
  }
  if (hotRead.declined || hotRead.at !== end || requestHeaders.length > 1000 || responseHeaders.length > 1000)
    return undefined;
  if (requestHeaders.length > 0) decision.requestHeaders = requestHeaders;
  if (responseHeaders.length > 0) decision.responseHeaders = responseHeaders;
  return decision;
}

/** Reads an answer from behind its outer tag; undefined where the reference has to do it. */
export function readAnswer(buffer: Buffer, start: number, end: number): Answer | undefined {
  hotRead.at = start;
  hotRead.declined = false;
  if (readEnd(buffer, end) !== end || hotRead.declined || buffer[hotRead.at++] !== RESPONSE_CORRELATION_ID)
    return undefined;
  openText(buffer, start, end);
  const id = readText(buffer, end);
  if (hotRead.declined || end - hotRead.at > MAX_HOT_BYTES) return undefined;
  const decision = readUsual(buffer, hotRead.at, end);
  return decision === undefined ? undefined : { type: 'answer', id, decision };
}
