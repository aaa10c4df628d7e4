import { AgentwireError, type ErrorCode, ERROR_CODES } from '@agentwire/core';
import { type JsonValue, type KernelMessage, messageFromJson, messageToJson, type Target } from '@agentwire/a2a-router';

/** Place of a message among those that one node published on one topic, so that losses can be counted. */
export interface TopicPlace {
  /** Changes whenever the count begins anew. */
  readonly epoch: string;
  /** Counted from 1. */
  readonly sequence: number;
}

/** What arrives from another node: a message, or the news that a request failed there. */
export type Received =
  | { readonly kind: 'message'; readonly message: KernelMessage; readonly place: TopicPlace | undefined }
  | { readonly kind: 'failure'; readonly code: ErrorCode; readonly text: string };

/** Writes a message for the target that it has on the receiving node. */
export function encodeMessage(message: KernelMessage, to: Target, place?: TopicPlace): string {
  const json = messageToJson(message, to);
  if (place !== undefined) {
    json['epoch'] = place.epoch;
    json['sequence'] = place.sequence;
  }
  return JSON.stringify(json);
}

/** Writes that a request failed on this node. */
export function encodeFailure(code: ErrorCode, text: string): string {
  return JSON.stringify({ error: { code, message: text.slice(0, 1000) } });
}

/** Reads what another node wrote, with the source that the subject names; throws `ERR_PROTOCOL` for anything else. */
export function decodeReceived(text: string, source: string): Received {
  let json: { readonly [key: string]: JsonValue | undefined };
  try {
    json = JSON.parse(text) as typeof json;
  } catch (error) {
    throw new AgentwireError('ERR_PROTOCOL', 'a message from another node is no JSON', { cause: error });
  }
  const failure = (json as { readonly error?: { readonly code?: unknown; readonly message?: unknown } } | null)?.error;
  if (failure !== undefined) {
    const { code, message: why } = failure;
    if (typeof code !== 'string' || !Object.hasOwn(ERROR_CODES, code) || typeof why !== 'string') {
      throw new AgentwireError('ERR_PROTOCOL', 'a failure from another node cannot be read');
    }
    return { kind: 'failure', code: code as ErrorCode, text: why };
  }
  const message = messageFromJson(json, source);
  const { epoch, sequence } = json;
  const place = typeof epoch === 'string' && typeof sequence === 'number' ? { epoch, sequence } : undefined;
  return { kind: 'message', message, place };
}
