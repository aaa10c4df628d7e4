import type { EventType } from '@agentwire/core';

/** Names of version 1 for the kinds of events, with the byte that the same event has in version 2. */
const ROWS: readonly (readonly [type: EventType, name: string, byte: number])[] = [
  ['requestHeaders', 'request_headers', 0x10],
  ['requestBodyChunk', 'request_body_chunk', 0x11],
  ['responseHeaders', 'response_headers', 0x12],
  ['responseBodyChunk', 'response_body_chunk', 0x13],
  ['requestComplete', 'request_complete', 0x14],
  ['webSocketFrame', 'web_socket_frame', 0x15],
  ['guardrailInspect', 'guardrail_inspect', 0x16],
  ['configure', 'configure', 0x17],
];
const BYTES: ReadonlyMap<string, number> = new Map([
  ...ROWS.map(([, name, byte]): [string, number] => [name, byte]),
  ['websocket_frame', 0x15],
]);

/** The `event_type` of an event in version 1, such as `request_headers`. */
export function eventTypeName(type: EventType): string {
  return ROWS.find(([one]) => one === type)?.[1] ?? type;
}

/** The byte that an `event_type` has in version 2; `undefined` for an unknown name. */
export function byteOfEventType(name: string): number | undefined {
  return BYTES.get(name);
}

/** The byte of an answer in version 2. */
export const ANSWER_BYTE = 0x20;
