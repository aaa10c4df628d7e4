import type { JsonValue, Payload } from './payload.ts';

/** Value of a payload that schemas are asked about, and that gates see. */
export function payloadValue(payload: Payload): JsonValue | Uint8Array {
  switch (payload.kind) {
    case 'text':
      return payload.text;
    case 'json':
      return payload.value;
    case 'toolCall':
      return payload.args;
    case 'toolResult':
      return payload.result;
    case 'signal':
      return payload.detail ?? null;
    default:
      return payload.bytes;
  }
}
