import type { Payload, PayloadKind } from './payload.ts';

const NAMES: Readonly<Record<PayloadKind, string>> = {
  text: 'text',
  json: 'json',
  toolCall: 'tool_call',
  toolResult: 'tool_result',
  signal: 'signal',
  binary: 'binary',
};

/** The kind of a payload as audit events and gates name it: `text`, `json`, `tool_call`, `tool_result`, `signal`, `binary`. */
export function payloadType(payload: Payload): string {
  return NAMES[payload.kind];
}
