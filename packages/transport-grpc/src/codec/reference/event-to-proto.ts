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
import { nothingLeft, present } from './present.ts';
import { toTimestampMs } from './timestamp.ts';
import { FRAME_TYPES, INSPECTION_TYPES } from './word-fields.ts';

function toMetadata(
  id: string,
  metadata: RequestMetadata,
  isAgentwire: boolean,
): MessageInitShape<typeof RequestMetadataSchema> {
  const {
    correlationId,
    requestId,
    clientIp,
    clientPort,
    serverName,
    protocol,
    tlsVersion,
    tlsCipher,
    routeId,
    upstreamId,
    timestamp,
    traceparent,
    ...rest
  } = metadata;
  nothingLeft(rest);
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
    logCorrelationId: isAgentwire && correlationId !== id ? correlationId : undefined,
    tlsCipher: isAgentwire ? tlsCipher : undefined,
  });
}

/** RequestHeaders as protobuf-es takes it. */
export function toRequestHeaders(
  message: RequestHeaders,
  isAgentwire: boolean,
): MessageInitShape<typeof RequestHeadersEventSchema> {
  const { id, metadata, method, uri, headers, hasBody, ...rest } = message;
  nothingLeft(rest);
  return present({
    metadata: toMetadata(String(id), metadata, isAgentwire),
    method,
    uri,
    httpVersion: metadata.protocol,
    headers: toHeaders(headers),
    hasBody: isAgentwire ? hasBody : undefined,
  });
}

/** ResponseHeaders as protobuf-es takes it. */
export function toResponseHeaders(
  message: ResponseHeaders,
  isAgentwire: boolean,
): MessageInitShape<typeof ResponseHeadersEventSchema> {
  const { id, status, headers, hasBody, ...rest } = message;
  nothingLeft(rest);
  return present({
    correlationId: String(id),
    statusCode: status,
    headers: toHeaders(headers),
    hasBody: isAgentwire ? hasBody : undefined,
  });
}

/** A body chunk as protobuf-es takes it. */
export function toBodyChunk(
  message: RequestBodyChunk | ResponseBodyChunk,
): MessageInitShape<typeof BodyChunkEventSchema> {
  const { id, index, data, last, totalSize, bytesTransferred, ...rest } = message;
  nothingLeft(rest);
  return present({
    correlationId: String(id),
    chunkIndex: toUint32('index', index),
    data: data as Uint8Array<ArrayBuffer>,
    isLast: last,
    totalSize: toOptionalUint64('totalSize', totalSize),
    bytesTransferred: toOptionalUint64('bytesTransferred', bytesTransferred),
  });
}

/** RequestComplete as protobuf-es takes it. */
export function toRequestComplete(
  message: RequestComplete,
  isAgentwire: boolean,
): MessageInitShape<typeof RequestCompleteEventSchema> {
  const { id, status, durationMs, requestBodySize, responseBodySize, upstreamAttempts, error, ...rest } = message;
  nothingLeft(rest);
  return present({
    correlationId: String(id),
    statusCode: status,
    durationMs: toUint64('durationMs', durationMs),
    bytesReceived: toUint64('requestBodySize', requestBodySize),
    bytesSent: toUint64('responseBodySize', responseBodySize),
    error,
    upstreamAttempts: isAgentwire ? toUint32('upstreamAttempts', upstreamAttempts) : undefined,
  });
}

/** WebSocketFrame as protobuf-es takes it. */
export function toWebSocketFrame(
  message: WebSocketFrame,
  isAgentwire: boolean,
): MessageInitShape<typeof WebSocketFrameEventSchema> {
  const { id, opcode, data, clientToServer, index, fin, routeId, clientIp, ...rest } = message;
  nothingLeft(rest);
  return present({
    correlationId: String(id),
    clientToServer,
    frameType: FRAME_TYPES.numberOf(opcode),
    payload: data as Uint8Array<ArrayBuffer>,
    frameIndex: isAgentwire ? toUint64('index', index) : undefined,
    fin: isAgentwire ? fin : undefined,
    routeId: isAgentwire ? routeId : undefined,
    clientIp: isAgentwire ? clientIp : undefined,
  });
}

/** GuardrailInspect as protobuf-es takes it; for third-party peers the type and the metadata stand in old fields. */
export function toGuardrail(
  message: GuardrailInspect,
  isAgentwire: boolean,
): MessageInitShape<typeof GuardrailInspectEventSchema> {
  const { id, inspectionType, content, model, categories, routeId, metadata, ...rest } = message;
  nothingLeft(rest);
  const both = {
    correlationId: String(id),
    content,
    contentType: INSPECTION_TYPES.numberOf(inspectionType),
    model,
  };
  if (!isAgentwire) return present({ ...both, contextJson: toJson({ categories, route_id: routeId, metadata }) });
  return present({ ...both, inspectionType, categories: [...categories], routeId, metadata: copyMap(metadata) });
}

/** Configure as protobuf-es takes it. */
export function toConfigure(
  message: Configure,
  isAgentwire: boolean,
  timestampMs: number,
): MessageInitShape<typeof ConfigureEventSchema> {
  const { id, config, configVersion, ...rest } = message;
  nothingLeft(rest);
  return present({
    configJson: toJson(config),
    configVersion,
    timestampMs: BigInt(Math.trunc(timestampMs)),
    correlationId: isAgentwire ? String(id) : undefined,
  });
}
