import { hash } from 'node:crypto';
import { AgentwireError, type ErrorCode } from '@agentwire/core';
import { type JsonValue, type KernelMessage, messageFromJson, type Target } from '@agentwire/a2a-router';
import { messageStart, quoted } from './message-text.ts';
import { MAX_ID, parseJson, readFailure, readWorking } from './note-text.ts';

/** Place of a message among those that one node published on one topic, so that losses and copies are noticed. */
export interface TopicPlace {
  /** Changes whenever the count begins anew. */
  readonly epoch: string;
  /** Counted from 1. */
  readonly sequence: number;
}

/** Decoded text of another node: a message, or the news that a request failed there. */
export type Received =
  | {
      readonly kind: 'message';
      readonly message: KernelMessage;
      readonly place: TopicPlace | undefined;
      /** True when the sender only asks for a confirmation that a process has it. */
      readonly confirm: boolean;
      /** Parts that the sender has room for, when it asks for a stream. */
      readonly window: number | undefined;
      /** Place among the parts of a streamed answer, counted from 1. */
      readonly part: number | undefined;
    }
  | { readonly kind: 'taken' }
  | { readonly kind: 'working'; readonly id: string }
  | { readonly kind: 'failure'; readonly code: ErrorCode; readonly text: string };

/** Facts about a message that are known before its text is read. */
export interface Arrival {
  /** Node that sent it, from its subject. */
  readonly source: string;
  /** Target that it has on this node, from its subject; only who looks on has none, and takes what the text says. */
  readonly target: Target | undefined;
  /** Milliseconds since 1970 on this node's clock. */
  readonly now: number;
}

/** Fields of a message on its way to another node besides its own. */
export interface MessageAbout {
  /** Place on its topic. */
  readonly place?: TopicPlace | undefined;
  /** True when the sender only asks for a confirmation that a process has it. */
  readonly confirm?: boolean | undefined;
  /** Parts that the sender has room for, when it asks for a stream. */
  readonly window?: number | undefined;
  /** Place among the parts of a streamed answer, counted from 1. */
  readonly part?: number | undefined;
}

const NOTHING: MessageAbout = Object.freeze({});
const MAX_WINDOW = 10_000;
const STREAMED = new Set<unknown>(['part', 'end', 'error']);
const MAX_KEY = 64;
const EPOCH = /^[\w-]{1,64}$/;
const BOUNDS: readonly (readonly [keyof KernelMessage, number])[] = [
  ['id', MAX_ID],
  ['correlationId', MAX_ID],
  ['traceId', 256],
  ['idempotencyKey', 128],
];

/** Writes a message for another node; its deadline leaves as the time that is left, because clocks differ. */
export function encodeMessage(
  message: KernelMessage,
  to: Target,
  now: number,
  { place, confirm, window, part }: MessageAbout = NOTHING,
): string {
  const { deadline, idempotencyKey, deferred, streamed } = message;
  let text = messageStart(message, to);
  if (deadline !== undefined) text += `,"left_ms":${Math.max(0, deadline - now)}`;
  if (idempotencyKey !== undefined) text += `,"idempotency_key":${quoted(shortKey(idempotencyKey))}`;
  if (deferred === true) text += ',"deferred":true';
  if (streamed !== undefined) text += `,"streamed":"${streamed}"`;
  if (confirm === true) text += ',"confirm":true';
  if (window !== undefined) text += `,"window":${window}`;
  if (part !== undefined) text += `,"part":${part}`;
  if (place !== undefined) text += `,"epoch":${quoted(place.epoch)},"sequence":${place.sequence}`;
  return `${text}}`;
}

/** Shortens an idempotency key of more than 64 characters to its hash. */
function shortKey(key: string): string {
  return key.length <= MAX_KEY ? key : `sha256:${hash('sha256', key, 'hex')}`;
}

/** Reads what another node wrote; throws `ERR_PROTOCOL` for anything else, and for ids and keys that are too long. */
export function decodeReceived(text: string, { source, target, now }: Arrival): Received {
  const json = parseJson(text);
  const failure = (json as { readonly error?: { readonly code?: unknown; readonly message?: unknown } } | null)?.error;
  if (failure !== undefined) return readFailure(failure);
  if ((json as { readonly taken?: unknown } | null)?.taken === true) return { kind: 'taken' };
  const working = (json as { readonly working?: unknown } | null)?.working;
  if (working !== undefined) return readWorking(working);
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
  return {
    kind: 'message',
    message: withFields(message, json, now),
    place: readPlace(json),
    confirm,
    window: readCount(json, 'window', MAX_WINDOW),
    part: readCount(json, 'part', Number.MAX_SAFE_INTEGER),
  };
}

function readCount(json: { readonly [key: string]: JsonValue }, name: string, most: number): number | undefined {
  const value = json[name];
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1 || value > most)
    throw new AgentwireError('ERR_PROTOCOL', `a message from another node has no ${name} that can be read`);
  return value;
}

function withFields(message: KernelMessage, json: { readonly [key: string]: JsonValue }, now: number): KernelMessage {
  const left = json['left_ms'];
  if (left !== undefined && (typeof left !== 'number' || !Number.isFinite(left) || left < 0)) {
    throw new AgentwireError('ERR_PROTOCOL', 'a message from another node has no left_ms that can be read');
  }
  const { streamed } = json;
  if (streamed !== undefined && !STREAMED.has(streamed))
    throw new AgentwireError('ERR_PROTOCOL', 'a message from another node has no streamed that can be read');
  const own: { -readonly [K in keyof KernelMessage]: KernelMessage[K] } = message;
  own.streamed = streamed as KernelMessage['streamed'];
  own.deadline = left === undefined ? undefined : now + left;
  own.deferred = json['deferred'] === true ? true : undefined;
  return message;
}

function readPlace({ epoch, sequence }: { readonly [key: string]: JsonValue }): TopicPlace | undefined {
  if (epoch === undefined && sequence === undefined) return undefined;
  if (typeof epoch !== 'string' || !EPOCH.test(epoch) || !Number.isSafeInteger(sequence) || Number(sequence) < 1) {
    throw new AgentwireError('ERR_PROTOCOL', 'a message from another node has no place that can be read');
  }
  return { epoch, sequence: Number(sequence) };
}
