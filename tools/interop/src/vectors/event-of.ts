import type { Message, RequestMetadata, WebSocketFrame } from '@agentwire/core';
import { bytes, type Fields, fields, headerValue, text } from './fields.ts';
import type { Json } from './vector.ts';

/** Headers as a flat list. */
function headerList(value: Json | undefined): string[] {
  return Object.entries(value as Readonly<Record<string, string[]>>).flatMap(([name, values]) =>
    values.flatMap((one) => [name, headerValue(one)]),
  );
}

interface Chunk {
  readonly chunkIndex: number;
  readonly isLast: boolean;
  readonly totalSize?: number;
  readonly bytesReceived?: number;
  readonly bytesSent?: number;
}

function chunkOf(type: 'requestBodyChunk' | 'responseBodyChunk', id: string, value: Fields): Message {
  const { chunkIndex: index, isLast: last, totalSize, bytesReceived, bytesSent } = fields(value) as Chunk;
  return { type, id, index, data: bytes(value['data']), last, totalSize, bytesTransferred: bytesReceived ?? bytesSent };
}

function frameOf(id: string, { frame_index: index, data, ...rest }: Fields): Message {
  const frame = fields(rest) as Pick<WebSocketFrame, 'opcode' | 'clientToServer' | 'fin' | 'clientIp'>;
  return { type: 'webSocketFrame', id, ...frame, data: bytes(data), index: index as number };
}

/** The event in a message of the crate; `undefined` for what is none. */
export function eventOf(name: string, value: Fields): Message | undefined {
  const { correlation_id: correlationId, ...rest } = value;
  const id = text(correlationId);
  switch (name) {
    case 'RequestHeaders': {
      const metadata = fields(value['metadata']) as RequestMetadata;
      const [method, uri, headers] = [text(value['method']), text(value['uri']), headerList(value['headers'])];
      return { type: 'requestHeaders', id: metadata.correlationId, metadata, method, uri, headers };
    }
    case 'RequestBodyChunk':
      return chunkOf('requestBodyChunk', id, value);
    case 'ResponseBodyChunk':
      return chunkOf('responseBodyChunk', id, value);
    case 'ResponseHeaders': {
      const headers = headerList(value['headers']);
      return { type: 'responseHeaders', id, status: Number(value['status']), headers };
    }
    case 'RequestComplete':
      return { type: 'requestComplete', id, ...fields(rest) } as Message;
    case 'WebSocketFrame':
      return frameOf(id, rest);
    case 'GuardrailInspect':
      return { type: 'guardrailInspect', id, ...fields(rest) } as Message;
    case 'Configure':
      return { type: 'configure', id, ...fields(rest) } as Message;
    default:
      return undefined;
  }
}
