import { create, toBinary } from '@bufbuild/protobuf';
import type { Answer, Audit, Decision, HeaderOp } from '@agentwire/core';
import { isDeepFrozen } from '@agentwire/core/internal';
import type { Outbox } from '@agentwire/wire-codec';
import { PREFIX_BYTES } from '../../connection/message-reader.ts';
import { AgentResponseSchema } from '../../gen/zentinel/agent/v2/agent_pb.ts';
import type { CodecContext } from '../codec-context.ts';
import { toResponse } from '../reference/decision-to-proto.ts';
import {
  AGENT_RESPONSE,
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
} from './field-tags.ts';
import {
  hotWrite,
  lengthBytes,
  nameField,
  PATCHED_LENGTH_BYTES,
  patchLength,
  writeHeader,
  writeText,
  writeVarint,
  byReference,
  type Ways,
} from './write-fields.ts';

/** Bytes of frozen decisions, without the id: one table for each way to write them. */
const kept: readonly WeakMap<Decision, Uint8Array>[] = [new WeakMap(), new WeakMap(), new WeakMap(), new WeakMap()];

/** An answer without its id, as bytes. */
function tailOf(decision: Decision, context: CodecContext): Uint8Array {
  const init = toResponse('', decision, context.isAgentwire, context.errors);
  return toBinary(AgentResponseSchema, create(AgentResponseSchema, init));
}

function keptTail(decision: Decision, context: CodecContext): Uint8Array | undefined {
  const table = kept[(context.isAgentwire ? 1 : 0) + (context.errors ? 2 : 0)] as WeakMap<Decision, Uint8Array>;
  const known = table.get(decision);
  if (known !== undefined || !isDeepFrozen(decision)) return known;
  const tail = tailOf(decision, context);
  table.set(decision, tail);
  return tail;
}

function writeOps(bytes: Buffer, start: number, tag: number, ops: readonly HeaderOp[]): number {
  let at = start;
  for (const op of ops) {
    const field = nameField(op.name);
    if (field === undefined) {
      hotWrite.declined = true;
      return start;
    }
    bytes[at++] = tag;
    if (op.op === 'remove') {
      at = writeVarint(bytes, at, field.length);
      at = writeText(bytes, at, OP_REMOVE, op.name);
    } else {
      const { length } = op.value;
      const header = field.length + 1 + lengthBytes(length) + length;
      at = writeVarint(bytes, at, 1 + lengthBytes(header) + header);
      at = writeHeader(bytes, at, op.op === 'set' ? OP_SET : OP_ADD, op.name, op.value);
    }
  }
  return at;
}

const NONE: readonly never[] = [];

const WRITTEN = {
  verdict: 'hot',
  requestHeaders: 'hot',
  responseHeaders: 'hot',
  audit: 'hot',
  needsMore: 'hot',
  requestBodyMutation: 'reference',
  responseBodyMutation: 'reference',
  routingMetadata: 'reference',
  webSocket: 'reference',
  cache: 'reference',
  error: 'reference',
} satisfies Ways<Decision>;
const AUDIT_WRITTEN = {
  tags: 'hot',
  ruleIds: 'hot',
  confidence: 'reference',
  reasonCodes: 'hot',
  custom: 'reference',
} satisfies Ways<Audit>;

const BY_REFERENCE = byReference(WRITTEN);
const AUDIT_BY_REFERENCE = byReference(AUDIT_WRITTEN);

/** Writes an allow with header operations and tags, as most are; −1 for any other. */
function writeUsual(id: string, decision: Decision, outbox: Outbox): number {
  const { verdict, audit, requestHeaders = NONE, responseHeaders = NONE } = decision;
  if (verdict.type !== 'allow') return -1;
  for (const name of BY_REFERENCE) if (decision[name] !== undefined) return -1;
  if (audit !== undefined) for (const name of AUDIT_BY_REFERENCE) if (audit[name] !== undefined) return -1;
  const { tags = NONE, ruleIds = NONE, reasonCodes = NONE } = audit ?? {};
  let most = 64 + id.length;
  for (const op of requestHeaders) most += 24 + op.name.length + (op.op === 'remove' ? 0 : op.value.length);
  for (const op of responseHeaders) most += 24 + op.name.length + (op.op === 'remove' ? 0 : op.value.length);
  for (const list of [tags, ruleIds, reasonCodes]) for (const text of list) most += 6 + text.length;
  hotWrite.declined = false;
  const prefix = outbox.reserve(PREFIX_BYTES + 3 * most);
  const { bytes } = outbox;
  bytes[prefix + PREFIX_BYTES] = AGENT_RESPONSE;
  const outer = prefix + PREFIX_BYTES + 1 + PATCHED_LENGTH_BYTES;
  let at = writeText(bytes, outer, RESPONSE_CORRELATION_ID, id);
  bytes[at++] = RESPONSE_ALLOW;
  bytes[at++] = 0;
  at = writeOps(bytes, at, RESPONSE_REQUEST_HEADERS, requestHeaders);
  at = writeOps(bytes, at, RESPONSE_RESPONSE_HEADERS, responseHeaders);
  if (audit !== undefined) {
    bytes[at] = RESPONSE_AUDIT;
    const inner = (at += 1 + PATCHED_LENGTH_BYTES);
    for (const text of tags) at = writeText(bytes, at, AUDIT_TAGS, text);
    for (const text of ruleIds) at = writeText(bytes, at, AUDIT_RULE_IDS, text);
    for (const text of reasonCodes) at = writeText(bytes, at, AUDIT_REASON_CODES, text);
    patchLength(bytes, inner, at);
  }
  if (decision.needsMore === true) {
    bytes[at++] = RESPONSE_NEEDS_MORE;
    bytes[at++] = 1;
  }
  patchLength(bytes, outer, at);
  return hotWrite.declined ? -1 : at;
}

/** Writes an answer: a frozen decision from its kept bytes, a usual one straight; −1 where the reference has to do it. */
export function writeAnswer(message: Answer, outbox: Outbox, context: CodecContext): number {
  const { decision } = message;
  const id = String(message.id);
  const tail = Object.isFrozen(decision) ? keptTail(decision, context) : undefined;
  if (tail === undefined) return writeUsual(id, decision, outbox);
  hotWrite.declined = false;
  const prefix = outbox.reserve(PREFIX_BYTES + 16 + 3 * id.length + tail.length);
  const { bytes } = outbox;
  bytes[prefix + PREFIX_BYTES] = AGENT_RESPONSE;
  const length = 1 + lengthBytes(id.length) + id.length + tail.length;
  let at = writeVarint(bytes, prefix + PREFIX_BYTES + 1, length);
  at = writeText(bytes, at, RESPONSE_CORRELATION_ID, id);
  if (tail.length > 64) bytes.set(tail, at);
  else for (let i = 0; i < tail.length; i++) bytes[at + i] = tail[i] as number;
  return hotWrite.declined ? -1 : at + tail.length;
}
