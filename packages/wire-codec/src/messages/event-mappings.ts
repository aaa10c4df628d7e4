import type {
  GuardrailInspect,
  RequestBodyChunk,
  RequestComplete,
  ResponseBodyChunk,
  ResponseHeaders,
  WebSocketFrame,
  WebSocketOpcode,
} from '@agentwire/core';
import type { InspectionType } from '@agentwire/core/internal';

import { headers } from './header-codecs.ts';
import { id } from './id-codec.ts';
import { plain, type MessageMapping } from './message-mapping.ts';
import { bool, finalStatus, status, text, u32, u64, word } from './scalar-codecs.ts';
import { field, nullable, optional, optionalOrNull, struct, type Field } from './struct.ts';
import { bytes, textMap, texts } from './value-codecs.ts';

/** Row of an event's id. */
const eventId = field('request_id', id, { zentinel: 'correlation_id' });

const chunkOrder = ['correlation_id', 'data', 'is_last', 'total_size', 'chunk_index'];

/** Row of the bytes of the body so far. */
const transferred = (zentinel: string): Field<number> =>
  optional(zentinel, u64, { documented: null, absentZentinel: { written: 0 } });

function chunk<T extends 'requestBodyChunk' | 'responseBodyChunk'>(mapping: MessageMapping<T>): MessageMapping<T> {
  return {
    ...mapping,
    write(message, format) {
      const { bytesTransferred, data } = message as RequestBodyChunk | ResponseBodyChunk;
      return mapping.write(
        bytesTransferred === undefined ? { ...message, bytesTransferred: data.length } : message,
        format,
      );
    },
    read: (wire, format) => mapping.read(Array.isArray(wire) ? inOrder(wire) : wire, format),
  };
}

/** Orders the array of a chunk of the crate 0.6.20, which omits an absent `total_size` and has two places for it. */
function inOrder(wire: readonly unknown[]): readonly unknown[] {
  const [correlationId, data, third, fourth, ...rest] = wire;
  if (rest.length === 1) return [correlationId, data, third, null, fourth, ...rest];
  return typeof third === 'boolean' ? wire : [correlationId, data, fourth, third, ...rest];
}

/** A piece of a request body. */
export const requestBodyChunk: MessageMapping<'requestBodyChunk'> = chunk(
  plain(
    'requestBodyChunk',
    struct<Omit<RequestBodyChunk, 'type'>>(
      'requestBodyChunk',
      {
        id: eventId,
        index: field('chunk_index', u32, { fallback: 0 }),
        data: field('data', bytes),
        last: field('is_last', bool),
        totalSize: optionalOrNull('total_size', u64),
        bytesTransferred: transferred('bytes_received'),
      },
      chunkOrder,
    ),
  ),
);

/** A piece of a response body. */
export const responseBodyChunk: MessageMapping<'responseBodyChunk'> = chunk(
  plain(
    'responseBodyChunk',
    struct<Omit<ResponseBodyChunk, 'type'>>(
      'responseBodyChunk',
      {
        id: eventId,
        index: field('chunk_index', u32, { fallback: 0 }),
        data: field('data', bytes),
        last: field('is_last', bool),
        totalSize: optionalOrNull('total_size', u64),
        bytesTransferred: transferred('bytes_sent'),
      },
      chunkOrder,
    ),
  ),
);

/** The head of a response. */
export const responseHeaders: MessageMapping<'responseHeaders'> = plain(
  'responseHeaders',
  struct<Omit<ResponseHeaders, 'type'>>('responseHeaders', {
    id: eventId,
    status: field('status', status, { aliases: ['status_code'] }),
    headers: field('headers', headers),
    hasBody: optional('has_body', bool, { zentinel: null }),
  }),
);

/** The end of a request. */
export const requestComplete: MessageMapping<'requestComplete'> = plain(
  'requestComplete',
  struct<Omit<RequestComplete, 'type'>>('requestComplete', {
    id: eventId,
    status: field('status', finalStatus, { aliases: ['status_code'] }),
    durationMs: field('duration_ms', u64),
    requestBodySize: field('request_body_size', u64),
    responseBodySize: field('response_body_size', u64),
    upstreamAttempts: field('upstream_attempts', u32),
    error: nullable('error', text),
  }),
);

const opcode = word<WebSocketOpcode>('opcode', ['continuation', 'text', 'binary', 'close', 'ping', 'pong']);

/** One WebSocket frame. */
export const webSocketFrame: MessageMapping<'webSocketFrame'> = plain(
  'webSocketFrame',
  struct<Omit<WebSocketFrame, 'type'>>('webSocketFrame', {
    id: eventId,
    opcode: field('opcode', opcode),
    data: field('data', bytes),
    clientToServer: field('client_to_server', bool),
    index: field('frame_index', u64),
    fin: field('fin', bool),
    routeId: nullable('route_id', text),
    clientIp: field('client_ip', text),
  }),
);

const inspectionType = word<InspectionType>('inspectionType', ['prompt_injection', 'pii_detection']);

/** Text for a guardrail. */
export const guardrailInspect: MessageMapping<'guardrailInspect'> = plain(
  'guardrailInspect',
  struct<Omit<GuardrailInspect, 'type'>>('guardrailInspect', {
    id: eventId,
    inspectionType: field('inspection_type', inspectionType),
    content: field('content', text),
    model: optional('model', text),
    categories: field('categories', texts, { fallback: [] }),
    routeId: optional('route_id', text),
    metadata: field('metadata', textMap, { fallback: {} }),
  }),
);
