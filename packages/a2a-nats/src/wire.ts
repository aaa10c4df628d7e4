import { hash } from 'node:crypto';
import { AgentwireError, type ErrorCode, ERROR_CODES } from '@agentwire/core';
import { type JsonValue, type KernelMessage, messageFromJson, messageToJson, type Target } from '@agentwire/a2a-router';

/** Place of a message among those that one node published on one topic, so that losses and copies are noticed. */
export interface TopicPlace {
  /** Changes whenever the count begins anew. */
  readonly epoch: string;
  /** Counted from 1. */
  readonly sequence: number;
}

/** What arrives from another node: a message, or the news that a request failed there. */
export type Received =
  | {
      readonly kind: 'message';
      readonly message: KernelMessage;
      readonly place: TopicPlace | undefined;
      /** Whether the sender only wants to know that somebody has it. */
      readonly confirm: boolean;
    }
  | { readonly kind: 'taken' }
  | { readonly kind: 'failure'; readonly code: ErrorCode; readonly text: string };

/** What is known of a message before its text is read. */
export interface Arrival {
  /** Node that sent it, from its subject. */
  readonly source: string;
  /** Target that it has on this node, from its subject; only who looks on has none, and takes what the text says. */
  readonly target: Target | undefined;
  /** Milliseconds since 1970 on this node's clock. */
  readonly now: number;
}

const MAX_KEY = 64;
const EPOCH = /^[\w-]{1,64}$/;
const MAX_FAILURE = 1000;
const BOUNDS: readonly (readonly [keyof KernelMessage, number])[] = [
  ['id', 128],
  ['correlationId', 128],
  ['traceId', 256],
  ['idempotencyKey', 128],
];

/** Writes a message for another node; its deadline leaves as the time that is left, because clocks differ. */
export function encodeMessage(
  message: KernelMessage,
  to: Target,
  now: number,
  place?: TopicPlace,
  confirm = false,
): string {
  const json: Record<string, JsonValue | undefined> = messageToJson(message, to);
  if (message.deadline !== undefined) {
    json['deadline'] = undefined;
    json['left_ms'] = Math.max(0, message.deadline - now);
  }
  if (message.idempotencyKey !== undefined) json['idempotency_key'] = shortKey(message.idempotencyKey);
  if (message.deferred === true) json['deferred'] = true;
  if (confirm) json['confirm'] = true;
  if (place !== undefined) {
    json['epoch'] = place.epoch;
    json['sequence'] = place.sequence;
  }
  return JSON.stringify(json);
}

/** Shortens an idempotency key of more than 64 characters to its hash. */
function shortKey(key: string): string {
  return key.length <= MAX_KEY ? key : `sha256:${hash('sha256', key, 'hex')}`;
}

/** Writes that a process on this node has a message. */
export const TAKEN = '{"taken":true}';

/** Writes that a request failed on this node. */
export function encodeFailure(code: ErrorCode, text: string): string {
  return JSON.stringify({ error: { code, message: text.slice(0, MAX_FAILURE) } });
}

/** Reads what another node wrote; throws `ERR_PROTOCOL` for anything else, and for ids and keys that are too long. */
export function decodeReceived(text: string, { source, target, now }: Arrival): Received {
  let json: { readonly [key: string]: JsonValue };
  try {
    json = JSON.parse(text) as typeof json;
  } catch (error) {
    throw new AgentwireError('ERR_PROTOCOL', 'a message from another node is no JSON', { cause: error });
  }
  const failure = (json as { readonly error?: { readonly code?: unknown; readonly message?: unknown } } | null)?.error;
  if (failure !== undefined) return readFailure(failure);
  if ((json as { readonly taken?: unknown } | null)?.taken === true) return { kind: 'taken' };
  const message = messageFromJson(json, source, target);
  for (const [field, limit] of BOUNDS) {
    const value = message[field];
    if (typeof value === 'string' && (value.length > limit || (field === 'id' && value === ''))) {
      throw new AgentwireError(
        'ERR_PROTOCOL',
        `${field} of a message from another node has ${value.length} characters`,
        {
          detail: { field, limit },
        },
      );
    }
  }
  const confirm = json['confirm'] === true;
  return { kind: 'message', message: withDeadline(message, json, now), place: readPlace(json), confirm };
}

function withDeadline(message: KernelMessage, json: { readonly [key: string]: JsonValue }, now: number): KernelMessage {
  const left = json['left_ms'];
  if (left !== undefined && (typeof left !== 'number' || !Number.isFinite(left) || left < 0)) {
    throw new AgentwireError('ERR_PROTOCOL', 'a message from another node has no left_ms that can be read');
  }
  return {
    ...message,
    deadline: left === undefined ? undefined : now + left,
    deferred: json['deferred'] === true ? true : undefined,
  };
}

function readFailure(failure: { readonly code?: unknown; readonly message?: unknown } | null): Received {
  const { code, message: why } = failure ?? {};
  if (typeof code !== 'string' || !Object.hasOwn(ERROR_CODES, code) || typeof why !== 'string') {
    throw new AgentwireError('ERR_PROTOCOL', 'a failure from another node cannot be read');
  }
  return { kind: 'failure', code: code as ErrorCode, text: why.slice(0, MAX_FAILURE) };
}

function readPlace({ epoch, sequence }: { readonly [key: string]: JsonValue }): TopicPlace | undefined {
  if (epoch === undefined && sequence === undefined) return undefined;
  if (typeof epoch !== 'string' || !EPOCH.test(epoch) || !Number.isSafeInteger(sequence) || Number(sequence) < 1) {
    throw new AgentwireError('ERR_PROTOCOL', 'a message from another node has no place that can be read');
  }
  return { epoch, sequence: Number(sequence) };
}
