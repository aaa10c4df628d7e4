import { isUtf8 } from 'node:buffer';
import type { BodyMutation, Decision } from '@agentwire/core';
import { type DecisionFields, fieldsOf, type HeaderOpFields } from '@agentwire/core/internal';
import type { Redaction } from './redaction.ts';

/** Header operation, as the documented dialect writes it; `value` is `null` where it was redacted. */
export type RecordedOp =
  | { readonly set: { readonly name: string; readonly value: string | null } }
  | { readonly add: { readonly name: string; readonly value: string | null } }
  | { readonly remove: { readonly name: string } };

/** Body, or a chunk of one: its length, and its bytes where bodies were recorded. */
export interface RecordedBytes {
  readonly bytes: number;
  readonly text?: string | undefined;
  readonly base64?: string | undefined;
}

/**
 * Decision with the names of the documented dialect. Lists and values that are empty are absent; `null` stands for a value that
 * was redacted. `audit.custom` is not recorded.
 */
export interface RecordedDecision {
  /** `allow`, or an object `block`, `redirect` or `challenge`. */
  readonly decision: unknown;
  readonly request_headers?: readonly RecordedOp[] | undefined;
  readonly response_headers?: readonly RecordedOp[] | undefined;
  readonly audit?: {
    readonly rule_ids?: readonly string[] | undefined;
    readonly tags?: readonly string[] | undefined;
    readonly reason_codes?: readonly string[] | undefined;
    /** With four decimals. */
    readonly confidence?: number | undefined;
  };
  readonly needs_more?: true | undefined;
  readonly request_body_mutation?: (RecordedBytes & { readonly chunk_index: number }) | undefined;
  readonly response_body_mutation?: (RecordedBytes & { readonly chunk_index: number }) | undefined;
  readonly routing_metadata?: Readonly<Record<string, string | null>> | undefined;
}

/** Records bytes, with their content where that is at most `maxBytes` long. */
export function recordedBytes(data: Uint8Array, maxBytes: number): RecordedBytes {
  const bytes = data.byteLength;
  if (bytes > maxBytes) return { bytes };
  const buffer = Buffer.from(data.buffer, data.byteOffset, bytes);
  return isUtf8(data) ? { bytes, text: buffer.toString() } : { bytes, base64: buffer.toString('base64') };
}

const NO_BYTES = Buffer.alloc(0);

/** Returns recorded bytes; `undefined` where their content was not recorded. */
export function bytesOf({
  bytes,
  text,
  base64,
}: {
  readonly [Name in keyof RecordedBytes]?: RecordedBytes[Name] | undefined;
}): Buffer | undefined {
  if (text !== undefined) return Buffer.from(text);
  if (base64 !== undefined) return Buffer.from(base64, 'base64');
  return bytes === 0 ? NO_BYTES : undefined;
}

function recordedOp(op: HeaderOpFields, redaction: Redaction): RecordedOp {
  const value = (line: { name: string; value: string }): { name: string; value: string | null } => ({
    name: line.name,
    value: redaction.value(line.name, line.value),
  });
  if ('set' in op) return { set: value(op.set) };
  return 'add' in op ? { add: value(op.add) } : op;
}

interface VerdictFields {
  readonly redirect?: { readonly url: string; readonly status: number };
  readonly challenge?: { readonly challenge_type: string; readonly params: Readonly<Record<string, string>> };
  readonly block?: { readonly status: number; readonly body?: string; readonly headers?: Record<string, string> };
}

function recordedVerdict(verdict: unknown, redaction: Redaction, maxBodyBytes: number): unknown {
  if (typeof verdict === 'string') return verdict;
  const { redirect, challenge, block } = verdict as VerdictFields;
  if (redirect !== undefined) {
    const { text: url, ...leftOut } = redaction.address(redirect.url);
    return { redirect: { url, ...leftOut, status: redirect.status } };
  }
  if (challenge !== undefined) return { challenge: { ...challenge, params: redaction.named(challenge.params) } };
  if (block === undefined) return verdict;
  const { body, headers } = block;
  return {
    block: {
      status: block.status,
      ...(body !== undefined && { body: recordedBytes(Buffer.from(body), maxBodyBytes) }),
      ...(headers !== undefined && { headers: redaction.named(headers) }),
    },
  };
}

/** A mutation that passes its chunk unchanged is none. */
function recordedMutation(mutation: BodyMutation | undefined, maxBodyBytes: number): object | undefined {
  if (mutation === undefined || mutation.data === null) return undefined;
  return { chunk_index: mutation.index, ...recordedBytes(mutation.data, maxBodyBytes) };
}

const isEmpty = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  value === false ||
  (typeof value === 'object' && Object.keys(value).length === 0);

/** Returns an object without its empty members. */
function withoutEmpty(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}

function recordedAudit({ rule_ids, tags, reason_codes, confidence }: DecisionFields['audit']): object {
  const rounded = confidence === null ? undefined : Number(confidence.toFixed(4));
  return withoutEmpty({ rule_ids, tags, reason_codes, confidence: rounded });
}

/** Records a decision. @param maxBodyBytes longest body of a block, or changed chunk, whose content is recorded, in bytes */
export function recordedDecision(decision: Decision, redaction: Redaction, maxBodyBytes: number): RecordedDecision {
  const fields = fieldsOf(decision);
  return {
    decision: recordedVerdict(fields.decision, redaction, maxBodyBytes),
    ...withoutEmpty({
      request_headers: fields.request_headers.map((op) => recordedOp(op, redaction)),
      response_headers: fields.response_headers.map((op) => recordedOp(op, redaction)),
      audit: recordedAudit(fields.audit),
      needs_more: fields.needs_more,
      request_body_mutation: recordedMutation(decision.requestBodyMutation, maxBodyBytes),
      response_body_mutation: recordedMutation(decision.responseBodyMutation, maxBodyBytes),
      routing_metadata: redaction.named(fields.routing_metadata),
    }),
  };
}
