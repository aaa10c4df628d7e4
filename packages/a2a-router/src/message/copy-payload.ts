import { AgentwireError } from '@agentwire/core';
import { checkOneOf } from '@agentwire/core/internal';
import { copyJson } from './copy-json.ts';
import { checkShortText } from './message-limits.ts';
import type { Payload, PayloadKind } from './payload.ts';

const KINDS: readonly PayloadKind[] = ['text', 'json', 'toolCall', 'toolResult', 'signal', 'binary'];

/** Copies a payload deeply and checks it; throws `ERR_INVALID_ARGUMENT` for one that is not as {@link Payload} says. */
export function copyPayload(payload: Payload): Payload {
  if (typeof payload !== 'object' || payload === null) {
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'a message needs a payload, such as payload.text("hi")');
  }
  // each field is read once: what was checked is what is copied, whatever a getter says the second time.
  switch (payload.kind) {
    case 'text':
      return { kind: 'text', text: string('text', payload.text) };
    case 'json':
      return { kind: 'json', value: copyJson(payload.value) };
    case 'toolCall':
      return {
        kind: 'toolCall',
        name: checkShortText('the name of a tool', payload.name),
        args: copyJson(payload.args),
      };
    case 'toolResult':
      return {
        kind: 'toolResult',
        callId: checkShortText('the callId of a tool result', payload.callId),
        result: copyJson(payload.result),
      };
    case 'signal': {
      const { detail } = payload;
      const signal = checkShortText('the name of a signal', payload.signal);
      return detail === undefined ? { kind: 'signal', signal } : { kind: 'signal', signal, detail: copyJson(detail) };
    }
    case 'binary': {
      const { bytes } = payload;
      if (!(bytes instanceof Uint8Array))
        throw new AgentwireError('ERR_INVALID_ARGUMENT', 'the bytes of a binary payload must be a Uint8Array');
      return { kind: 'binary', bytes: new Uint8Array(bytes) };
    }
    default:
      checkOneOf('payload.kind', (payload as { readonly kind?: unknown }).kind, KINDS);
      throw new AgentwireError('ERR_INVALID_ARGUMENT', 'payload.kind changed while it was read');
  }
}

function string(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be a string, got ${typeof value}`);
}
