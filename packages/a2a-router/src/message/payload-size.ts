import type { KernelMessage } from './message.ts';
import type { JsonValue } from './payload.ts';

/** Bytes that a message takes in memory, roughly: its payload, its ids and its key. */
export function payloadSize({ payload, id, correlationId, traceId, idempotencyKey }: KernelMessage): number {
  const ids = id.length + (correlationId?.length ?? 0) + (traceId?.length ?? 0) + (idempotencyKey?.length ?? 0);
  switch (payload.kind) {
    case 'text':
      return ids + 2 * payload.text.length;
    case 'binary':
      return ids + payload.bytes.byteLength;
    case 'json':
      return ids + jsonSize(payload.value);
    case 'toolCall':
      return ids + 2 * payload.name.length + jsonSize(payload.args);
    case 'toolResult':
      return ids + 2 * payload.callId.length + jsonSize(payload.result);
    default:
      return ids + 2 * payload.signal.length + (payload.detail === undefined ? 0 : jsonSize(payload.detail));
  }
}

const SLOT = 16;

function jsonSize(value: JsonValue): number {
  if (typeof value === 'string') return SLOT + 2 * value.length;
  if (typeof value !== 'object' || value === null) return SLOT;
  let bytes = SLOT;
  for (const [key, item] of Object.entries(value)) bytes += 2 * key.length + jsonSize(item);
  return bytes;
}
