import { fromBinary } from '@bufbuild/protobuf';
import type { Answer, Audit, Decision, HeaderOp } from '@agentwire/core';
import { AgentResponseSchema } from '../../gen/zentinel/agent/v2/agent_pb.ts';
import { fromResponse } from '../reference/decision-from-proto.ts';
import { checkRepeatedFields } from '../reference/check-fields.ts';
import { withoutAgentwireNumbers } from '../reference/agentwire-numbers.ts';
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

/** Longest answer, without its id, that is kept. */
const MAX_KEPT_BYTES = 1024;
const SLOTS = 256;

interface Kept {
  readonly bytes: Uint8Array;
  readonly decision: Decision;
}

/** Answers that came before. */
class KeptAnswers {
  readonly seen: Int32Array = new Int32Array(SLOTS);
  readonly kept: (Kept | undefined)[] = Array.from({ length: SLOTS }, () => undefined);
}

// The same bytes say less from a peer that does not know our numbers.
const OF_AGENTWIRE = new KeptAnswers();
const OF_OTHERS = new KeptAnswers();

function hashOf(buffer: Buffer, from: number, to: number): number {
  let hash = 0x811c9dc5;
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (buffer[i] as number), 0x01000193);
  return hash | 1;
}

function isSame(bytes: Uint8Array, buffer: Buffer, from: number, to: number): boolean {
  if (bytes.length !== to - from) return false;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== buffer[from + i]) return false;
  return true;
}

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
    for (const part of Object.values(value)) freeze(part);
    Object.freeze(value);
  }
  return value;
}

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

/**
 * Reads an answer from behind its outer tag; undefined where the reference has to do it.
 *
 * An answer whose bytes came twice is kept, and from then on the same frozen decision is handed out.
 *
 * @param isAgentwire `true` for a peer that knows the numbers from 100 up
 */
export function readAnswer(buffer: Buffer, start: number, end: number, isAgentwire: boolean): Answer | undefined {
  hotRead.at = start;
  hotRead.declined = false;
  if (readEnd(buffer, end) !== end || hotRead.declined || buffer[hotRead.at++] !== RESPONSE_CORRELATION_ID)
    return undefined;
  openText(buffer, start, end);
  const id = readText(buffer, end);
  if (hotRead.declined) return undefined;
  const from = hotRead.at;
  if (end - from > MAX_KEPT_BYTES) return undefined;
  const hash = hashOf(buffer, from, end);
  const slot = (hash ^ (hash >>> 16)) & (SLOTS - 1);
  const { seen, kept } = isAgentwire ? OF_AGENTWIRE : OF_OTHERS;
  const known = kept[slot];
  if (known !== undefined && isSame(known.bytes, buffer, from, end))
    return { type: 'answer', id, decision: known.decision };
  const decision = readUsual(buffer, from, end) ?? readOther(buffer, from, end, isAgentwire);
  if (decision === undefined) return undefined;
  const again = seen[slot] === hash;
  seen[slot] = hash;
  if (again && decision.requestBodyMutation === undefined && decision.responseBodyMutation === undefined) {
    kept[slot] = { bytes: Uint8Array.prototype.slice.call(buffer, from, end), decision: freeze(decision) };
  }
  return { type: 'answer', id, decision };
}

/** Reads any answer that has no second id; undefined for those and for what cannot be read. */
function readOther(buffer: Buffer, from: number, end: number, isAgentwire: boolean): Decision | undefined {
  try {
    const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset + from, end - from);
    checkRepeatedFields(AgentResponseSchema, bytes, [AgentResponseSchema.field.correlationId.number]);
    const fields = fromBinary(AgentResponseSchema, bytes, { readUnknownFields: false });
    return fromResponse(isAgentwire ? fields : withoutAgentwireNumbers(AgentResponseSchema, fields));
  } catch {
    return undefined;
  }
}
