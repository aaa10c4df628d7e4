/** Anything that JSON can say. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** Content of a message; built with the functions of {@link payload}. */
export type Payload =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'json'; readonly value: JsonValue }
  | { readonly kind: 'toolCall'; readonly name: string; readonly args: JsonValue }
  | { readonly kind: 'toolResult'; readonly callId: string; readonly result: JsonValue }
  | { readonly kind: 'signal'; readonly signal: string; readonly detail?: JsonValue }
  | { readonly kind: 'binary'; readonly bytes: Uint8Array };

/** The name of one kind of payload. */
export type PayloadKind = Payload['kind'];

/** Makes payloads: `payload.text('hi')`, `payload.json({ n: 1 })`, `payload.signal('Kill')`. */
export const payload: {
  /** Plain text. */
  readonly text: (text: string) => Payload;
  /** A JSON value, copied when it is sent; anything that JSON cannot say (`undefined`, `Date`, `Map`) is `ERR_INVALID_ARGUMENT` then. */
  readonly json: (value: JsonValue) => Payload;
  /** A call of a tool, which needs `canExecTools` and counts against `maxToolCalls`. */
  readonly toolCall: (name: string, args: JsonValue) => Payload;
  /** The answer to a tool call. */
  readonly toolResult: (callId: string, result: JsonValue) => Payload;
  /** A control signal with its own lane in every inbox; `Kill`, `Shutdown`, `Suspend`, `Resume` are customary. */
  readonly signal: (signal: string, detail?: JsonValue) => Payload;
  /** Bytes, copied when they are sent. */
  readonly binary: (bytes: Uint8Array) => Payload;
} = {
  text: (text) => ({ kind: 'text', text }),
  json: (value) => ({ kind: 'json', value }),
  toolCall: (name, args) => ({ kind: 'toolCall', name, args }),
  toolResult: (callId, result) => ({ kind: 'toolResult', callId, result }),
  signal: (signal, detail) => (detail === undefined ? { kind: 'signal', signal } : { kind: 'signal', signal, detail }),
  binary: (bytes) => ({ kind: 'binary', bytes }),
};

const NAMES: Readonly<Record<PayloadKind, string>> = {
  text: 'text',
  json: 'json',
  toolCall: 'tool_call',
  toolResult: 'tool_result',
  signal: 'signal',
  binary: 'binary',
};

/** The kind of a payload as audit events and gates name it: `text`, `json`, `tool_call`, `tool_result`, `signal`, `binary`. */
export function payloadType(content: Payload): string {
  return NAMES[content.kind];
}

/** Value of a payload that schemas are asked about, and that gates see. */
export function payloadValue(content: Payload): JsonValue | Uint8Array {
  switch (content.kind) {
    case 'text':
      return content.text;
    case 'json':
      return content.value;
    case 'toolCall':
      return content.args;
    case 'toolResult':
      return content.result;
    case 'signal':
      return content.detail ?? null;
    default:
      return content.bytes;
  }
}
