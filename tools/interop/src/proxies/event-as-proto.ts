import type { HeaderList, RequestMetadata, WebSocketOpcode } from '@agentwire/core';
import type { EventBody } from '@agentwire/core/session';

/** A message as protobuf's JSON has it. */
export type ProtoJson = Readonly<Record<string, unknown>>;

const FRAME_TYPES: Readonly<Record<WebSocketOpcode, number>> = {
  continuation: 0,
  text: 1,
  binary: 2,
  ping: 3,
  pong: 4,
  close: 5,
};

const base64 = (data: Uint8Array): string => Buffer.from(data).toString('base64');

function pairs(headers: HeaderList): ProtoJson[] {
  // a value's characters are bytes; protobuf has text, which a third-party library would decode as UTF-8
  const text = (value: string): string => Buffer.from(value, 'latin1').toString();
  return headers.flatMap((name, at) => (at % 2 === 0 ? [{ name, value: text(headers[at + 1] ?? '') }] : []));
}

/** Writes an event of the request `correlationId` as a third-party proxy would. */
export function eventAsProto(correlationId: string, event: EventBody): ProtoJson {
  switch (event.type) {
    case 'requestHeaders': {
      const { timestamp, tlsCipher: _, ...metadata } = event.metadata as RequestMetadata;
      const timestampMs = String(Date.parse(timestamp));
      const { method, uri, headers } = event;
      const meta = { ...metadata, correlationId, timestampMs };
      return { requestHeaders: { metadata: meta, method, uri, httpVersion: 'HTTP/1.1', headers: pairs(headers) } };
    }
    case 'requestBodyChunk':
    case 'responseBodyChunk': {
      const { index, last, totalSize = 0, bytesTransferred = 0 } = event;
      const sizes = { totalSize: String(totalSize), bytesTransferred: String(bytesTransferred) };
      return { [event.type]: { correlationId, chunkIndex: index, data: base64(event.data), isLast: last, ...sizes } };
    }
    case 'responseHeaders':
      return { responseHeaders: { correlationId, statusCode: event.status, headers: pairs(event.headers) } };
    case 'webSocketFrame': {
      const { clientToServer, opcode, data } = event;
      const frame = { clientToServer, frameType: FRAME_TYPES[opcode], payload: base64(data) };
      return { websocketFrame: { correlationId, ...frame } };
    }
    case 'guardrailInspect': {
      const { content, inspectionType, categories, metadata } = event;
      const contentType = inspectionType === 'prompt_injection' ? 1 : 2;
      return { guardrail: { correlationId, content, contentType, inspectionType, categories, metadata } };
    }
    case 'configure':
      return { configure: { correlationId, configJson: JSON.stringify(event.config), configVersion: 'v-7' } };
  }
}
