import type { MessageInitShape } from '@bufbuild/protobuf';
import type {
  Configure,
  GuardrailInspect,
  RequestBodyChunk,
  RequestComplete,
  RequestHeaders,
  RequestMetadata,
  ResponseBodyChunk,
  ResponseHeaders,
  WebSocketFrame,
} from '@agentwire/core';
import type {
  BodyChunkEventSchema,
  ConfigureEventSchema,
  GuardrailInspectEventSchema,
  RequestCompleteEventSchema,
  RequestHeadersEventSchema,
  RequestMetadataSchema,
  ResponseHeadersEventSchema,
  WebSocketFrameEventSchema,
} from '../../gen/zentinel/agent/v2/agent_pb.ts';
import { toHeaders } from './header-fields.ts';
import { copyMap, toJson } from './json-fields.ts';
import { toOptionalUint64, toUint32, toUint64 } from './number-fields.ts';
import { present } from './present.ts';
import { toTimestampMs } from './timestamp.ts';
import { FRAME_TYPES, INSPECTION_TYPES } from './word-fields.ts';

function toMetadata(id: string, metadata: RequestMetadata): MessageInitShape<typeof RequestMetadataSchema> {
  const {
    requestId,
    clientIp,
    clientPort,
    serverName,
    protocol,
    tlsVersion,
    routeId,
    upstreamId,
    timestamp,
    traceparent,
  } = metadata;
  return present({
    correlationId: id,
    requestId,
    clientIp,
    clientPort: toUint32('metadata.clientPort', clientPort),
    serverName,
    protocol,
    tlsVersion,
    routeId,
    upstreamId,
    timestampMs: BigInt(toTimestampMs(timestamp)),
    traceparent,
  });
}

/** RequestHeaders as protobuf-es takes it. */
export function toRequestHeaders(
  message: RequestHeaders,
  ours: boolean,
): MessageInitShape<typeof RequestHeadersEventSchema> {
  return present({
    metadata: toMetadata(String(message.id), message.metadata),
    method: message.method,
    uri: message.uri,
    httpVersion: message.metadata.protocol,
    headers: toHeaders(message.headers),
    hasBody: ours ? message.hasBody : undefined,
  });
}

/** ResponseHeaders as protobuf-es takes it. */
export function toResponseHeaders(
  message: ResponseHeaders,
  ours: boolean,
): MessageInitShape<typeof ResponseHeadersEventSchema> {
  return present({
    correlationId: String(message.id),
    statusCode: message.status,
    headers: toHeaders(message.headers),
    hasBody: ours ? message.hasBody : undefined,
  });
}

/** A body chunk as protobuf-es takes it. */
export function toBodyChunk(
  message: RequestBodyChunk | ResponseBodyChunk,
): MessageInitShape<typeof BodyChunkEventSchema> {
  return present({
    correlationId: String(message.id),
    chunkIndex: toUint32('index', message.index),
    data: message.data as Uint8Array<ArrayBuffer>,
    isLast: message.last,
    totalSize: toOptionalUint64('totalSize', message.totalSize),
    bytesTransferred: toOptionalUint64('bytesTransferred', message.bytesTransferred),
  });
}

/** RequestComplete as protobuf-es takes it. */
export function toRequestComplete(
  message: RequestComplete,
  ours: boolean,
): MessageInitShape<typeof RequestCompleteEventSchema> {
  return present({
    correlationId: String(message.id),
    statusCode: message.status,
    durationMs: toUint64('durationMs', message.durationMs),
    bytesReceived: toUint64('requestBodySize', message.requestBodySize),
    bytesSent: toUint64('responseBodySize', message.responseBodySize),
    error: message.error,
    upstreamAttempts: ours ? toUint32('upstreamAttempts', message.upstreamAttempts) : undefined,
  });
}

/** WebSocketFrame as protobuf-es takes it. */
export function toWebSocketFrame(
  message: WebSocketFrame,
  ours: boolean,
): MessageInitShape<typeof WebSocketFrameEventSchema> {
  return present({
    correlationId: String(message.id),
    clientToServer: message.clientToServer,
    frameType: FRAME_TYPES.numberOf(message.opcode),
    payload: message.data as Uint8Array<ArrayBuffer>,
    frameIndex: ours ? toUint64('index', message.index) : undefined,
    fin: ours ? message.fin : undefined,
    routeId: ours ? message.routeId : undefined,
    clientIp: ours ? message.clientIp : undefined,
  });
}

/** GuardrailInspect as protobuf-es takes it; to peers that are not ours the type and the metadata stand in old fields. */
export function toGuardrail(
  message: GuardrailInspect,
  ours: boolean,
): MessageInitShape<typeof GuardrailInspectEventSchema> {
  const { inspectionType, content, model, categories, routeId, metadata } = message;
  const both = {
    correlationId: String(message.id),
    content,
    contentType: INSPECTION_TYPES.numberOf(inspectionType),
    model,
  };
  if (!ours) return present({ ...both, contextJson: toJson({ categories, route_id: routeId, metadata }) });
  return present({ ...both, inspectionType, categories: [...categories], routeId, metadata: copyMap(metadata) });
}

/** Configure as protobuf-es takes it. */
export function toConfigure(
  message: Configure,
  ours: boolean,
  timestampMs: number,
): MessageInitShape<typeof ConfigureEventSchema> {
  return present({
    configJson: toJson(message.config),
    configVersion: message.configVersion,
    timestampMs: BigInt(Math.trunc(timestampMs)),
    correlationId: ours ? String(message.id) : undefined,
  });
}
