import {
  AgentwireError,
  type Configure,
  type GuardrailInspect,
  type RequestBodyChunk,
  type RequestComplete,
  type RequestHeaders,
  type RequestMetadata,
  type ResponseBodyChunk,
  type ResponseHeaders,
  type WebSocketFrame,
} from '@agentwire/core';
import { isValidHeaderName } from '@agentwire/headers';
import type {
  BodyChunkEvent,
  ConfigureEvent,
  GuardrailInspectEvent,
  RequestCompleteEvent,
  RequestHeadersEvent,
  RequestMetadata as RequestMetadataFields,
  ResponseHeadersEvent,
  WebSocketFrameEvent,
} from '../../gen/zentinel/agent/v2/agent_pb.ts';
import { fromHeaders } from './header-fields.ts';
import { copyMap, fromJson } from './json-fields.ts';
import { fromOptionalUint64, fromStatus, fromUint64 } from './number-fields.ts';
import { present, type Every } from './present.ts';
import { formatTimestamp } from './timestamp.ts';
import { FRAME_TYPES, INSPECTION_TYPES } from './word-fields.ts';

function fromMetadata(fields: RequestMetadataFields, isAgentwire: boolean): RequestMetadata {
  const timestamp = formatTimestamp(fromUint64('metadata.timestamp_ms', fields.timestampMs));
  if (timestamp === undefined) throw new AgentwireError('ERR_PROTOCOL', 'metadata.timestamp_ms is past the year 9999');
  if (fields.clientPort > 65_535) {
    throw new AgentwireError('ERR_PROTOCOL', `metadata.client_port must be from 0 to 65535, got ${fields.clientPort}`);
  }
  return present<Every<RequestMetadata>>({
    correlationId: (isAgentwire ? fields.logCorrelationId : undefined) ?? fields.correlationId,
    requestId: fields.requestId,
    clientIp: fields.clientIp,
    clientPort: fields.clientPort,
    serverName: fields.serverName,
    protocol: fields.protocol,
    tlsVersion: fields.tlsVersion,
    tlsCipher: isAgentwire ? fields.tlsCipher : undefined,
    routeId: fields.routeId,
    upstreamId: fields.upstreamId,
    timestamp,
    traceparent: fields.traceparent,
  });
}

/**
 * Reads a RequestHeadersEvent.
 *
 * @param isAgentwire `true` for a peer that knows the numbers from 100 up; from third parties they mean nothing
 * @throws AgentwireError `ERR_PROTOCOL`.
 */
export function fromRequestHeaders(fields: RequestHeadersEvent, isAgentwire: boolean): RequestHeaders {
  if (fields.metadata === undefined) throw new AgentwireError('ERR_PROTOCOL', 'request_headers has no metadata');
  checkMethod(fields.method);
  checkUri(fields.uri);
  return {
    type: 'requestHeaders',
    id: fields.metadata.correlationId,
    metadata: fromMetadata(fields.metadata, isAgentwire),
    method: fields.method,
    uri: fields.uri,
    headers: fromHeaders('request_headers', fields.headers),
    hasBody: isAgentwire ? fields.hasBody : undefined,
  } satisfies Every<RequestHeaders>;
}

/** Reads a ResponseHeadersEvent; `isAgentwire` as in {@link fromRequestHeaders}. @throws AgentwireError `ERR_PROTOCOL`. */
export function fromResponseHeaders(fields: ResponseHeadersEvent, isAgentwire: boolean): ResponseHeaders {
  return {
    type: 'responseHeaders',
    id: fields.correlationId,
    status: fromStatus('response_headers.status_code', fields.statusCode),
    headers: fromHeaders('response_headers', fields.headers),
    hasBody: isAgentwire ? fields.hasBody : undefined,
  } satisfies Every<ResponseHeaders>;
}

/** Reads a BodyChunkEvent. @throws AgentwireError `ERR_PROTOCOL`. */
export function fromBodyChunk<T extends 'requestBodyChunk' | 'responseBodyChunk'>(
  type: T,
  fields: BodyChunkEvent,
): (RequestBodyChunk | ResponseBodyChunk) & { readonly type: T } {
  const bytesTransferred = fromUint64('bytes_transferred', fields.bytesTransferred);
  return present<Every<RequestBodyChunk | ResponseBodyChunk>>({
    type,
    id: fields.correlationId,
    index: fields.chunkIndex,
    data: fields.data,
    last: fields.isLast,
    totalSize: fromOptionalUint64('total_size', fields.totalSize),
    bytesTransferred: bytesTransferred === 0 ? undefined : bytesTransferred,
  }) as (RequestBodyChunk | ResponseBodyChunk) & { readonly type: T };
}

/** Reads a RequestCompleteEvent. @throws AgentwireError `ERR_PROTOCOL`. */
export function fromRequestComplete(fields: RequestCompleteEvent): RequestComplete {
  return present<Every<RequestComplete>>({
    type: 'requestComplete',
    id: fields.correlationId,
    status: fields.statusCode,
    durationMs: fromUint64('duration_ms', fields.durationMs),
    requestBodySize: fromUint64('bytes_received', fields.bytesReceived),
    responseBodySize: fromUint64('bytes_sent', fields.bytesSent),
    upstreamAttempts: fields.upstreamAttempts ?? 0,
    error: fields.error,
  });
}

/** Reads a WebSocketFrameEvent. @throws AgentwireError `ERR_PROTOCOL` for an unknown frame type. */
export function fromWebSocketFrame(fields: WebSocketFrameEvent): WebSocketFrame {
  const opcode = FRAME_TYPES.wordOf(fields.frameType);
  if (opcode === undefined) {
    throw new AgentwireError('ERR_PROTOCOL', `websocket_frame.frame_type must be from 0 to 5, got ${fields.frameType}`);
  }
  return present<Every<WebSocketFrame>>({
    type: 'webSocketFrame',
    id: fields.correlationId,
    opcode,
    data: fields.payload,
    clientToServer: fields.clientToServer,
    index: fromOptionalUint64('websocket_frame.frame_index', fields.frameIndex) ?? 0,
    fin: fields.fin ?? true,
    routeId: fields.routeId,
    clientIp: fields.clientIp ?? '',
  });
}

type GuardrailContext = Pick<GuardrailInspect, 'categories' | 'routeId' | 'metadata'>;

const isText = (value: unknown): value is string => typeof value === 'string';

/** The texts among the values of an object. */
function textsOf(value: object): Readonly<Record<string, string>> {
  return copyMap(
    Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => isText(entry[1]))),
  );
}

/**
 * Reads `context_json`, which third-party peers have instead of the fields from 100 up: agentwire's object, or the metadata
 * alone.
 *
 * @throws AgentwireError `ERR_PROTOCOL` for text that is no JSON object
 */
function guardrailContext(text: string): GuardrailContext {
  if (text === '') return { categories: [], metadata: {} };
  const value = fromJson('guardrail.context_json', text);
  if (value === null) return { categories: [], metadata: {} };
  if (typeof value !== 'object' || Array.isArray(value))
    throw new AgentwireError('ERR_PROTOCOL', 'guardrail.context_json must be an object');
  const { categories, route_id: routeId, metadata } = value as Readonly<Record<string, unknown>>;
  const isMap = typeof metadata === 'object' && metadata !== null && !Array.isArray(metadata);
  return {
    categories: Array.isArray(categories) ? categories.filter(isText) : [],
    routeId: isMap && isText(routeId) ? routeId : undefined,
    metadata: textsOf(isMap ? metadata : value),
  };
}

/** Reads a GuardrailInspectEvent. @throws AgentwireError `ERR_PROTOCOL` for an unknown inspection type. */
export function fromGuardrail(fields: GuardrailInspectEvent): GuardrailInspect {
  const { contentType, inspectionType: word } = fields;
  const inspectionType = INSPECTION_TYPES.wordOf(word === undefined ? contentType : INSPECTION_TYPES.numberOf(word));
  if (inspectionType === undefined) {
    const what = word === undefined ? `content_type must be 1 or 2, got ${contentType}` : 'inspection_type is unknown';
    throw new AgentwireError('ERR_PROTOCOL', `guardrail.${what}`);
  }
  const context = guardrailContext(fields.contextJson);
  return present<Every<GuardrailInspect>>({
    type: 'guardrailInspect',
    id: fields.correlationId,
    inspectionType,
    content: fields.content,
    model: fields.model,
    categories: fields.categories.length > 0 ? fields.categories : context.categories,
    routeId: fields.routeId ?? context.routeId,
    metadata: { ...context.metadata, ...copyMap(fields.metadata) },
  });
}

/**
 * Reads a ConfigureEvent; undefined for the heartbeat without a configuration.
 *
 * @param fallbackId where the sender gives no id, which says that it takes no answer
 * @throws AgentwireError `ERR_PROTOCOL`
 */
export function fromConfigure(fields: ConfigureEvent, fallbackId: () => string): Configure | undefined {
  if (fields.configJson === '') return undefined;
  return present<Every<Configure>>({
    type: 'configure',
    id: fields.correlationId ?? fallbackId(),
    config: fromJson('configure.config_json', fields.configJson),
    configVersion: fields.configVersion,
  });
}

/** Tells if `uri` is possible in a request line: no space, no control character. */
function isUri(uri: string): boolean {
  for (let i = 0; i < uri.length; i++) {
    const code = uri.charCodeAt(i);
    if (code <= 0x20 || code === 0x7f) return false;
  }
  return true;
}

/** Throws `ERR_PROTOCOL` unless `method` is an HTTP token. */
function checkMethod(method: string): void {
  if (!isValidHeaderName(method)) throw new AgentwireError('ERR_PROTOCOL', 'request_headers.method is no HTTP token');
}

/** Throws `ERR_PROTOCOL` unless {@link isUri}. */
function checkUri(uri: string): void {
  if (!isUri(uri)) throw new AgentwireError('ERR_PROTOCOL', 'request_headers.uri holds a space or a control character');
}
