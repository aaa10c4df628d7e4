// Generated from the table in ../messages by `pnpm generate`; do not edit.
import type {
  Answer,
  Audit,
  RequestBodyChunk,
  RequestHeaders,
  ResponseBodyChunk,
  ResponseHeaders,
} from '@agentwire/core';
import { encodeBase64 } from '../json/base64.ts';
import { literal } from '../messages/byte-reader.ts';
import { verdict } from '../messages/decision-codecs.ts';
import type { WireFormat } from '../messages/wire-format.ts';
import { headerOps, writeMulti } from '../messages/header-codecs.ts';
import type { JsonReader as Reader } from '../json/json-reader.ts';

const FORMAT: WireFormat = { dialect: 'zentinel', encoding: 'json', errors: false };
// prettier-ignore
const L0 = literal('{"correlation_id":');
// prettier-ignore
const L1 = literal(',"metadata":{"correlation_id":');
// prettier-ignore
const L2 = literal(',"request_id":');
// prettier-ignore
const L3 = literal(',"client_ip":');
// prettier-ignore
const L4 = literal(',"client_port":');
// prettier-ignore
const L5 = literal(',"server_name":');
// prettier-ignore
const L6 = literal(',"protocol":');
// prettier-ignore
const L7 = literal(',"tls_version":');
// prettier-ignore
const L8 = literal(',"tls_cipher":');
// prettier-ignore
const L9 = literal(',"route_id":');
// prettier-ignore
const L10 = literal(',"upstream_id":');
// prettier-ignore
const L11 = literal(',"timestamp":');
// prettier-ignore
const L12 = literal('"traceparent":');
// prettier-ignore
const L13 = literal('}');
// prettier-ignore
const L14 = literal(',"method":');
// prettier-ignore
const L15 = literal(',"uri":');
// prettier-ignore
const L16 = literal(',"headers":');
// prettier-ignore
const L17 = literal(',"metadata":{"client_ip":');
// prettier-ignore
const L18 = literal(',"correlation_id":');
// prettier-ignore
const L19 = literal(',"data":');
// prettier-ignore
const L20 = literal(',"is_last":');
// prettier-ignore
const L21 = literal(',"total_size":');
// prettier-ignore
const L22 = literal(',"chunk_index":');
// prettier-ignore
const L23 = literal(',"bytes_received":');
// prettier-ignore
const L24 = literal('{"bytes_received":');
// prettier-ignore
const L25 = literal(',"status":');
// prettier-ignore
const L26 = literal(',"bytes_sent":');
// prettier-ignore
const L27 = literal('{"bytes_sent":');
// prettier-ignore
const L28 = literal('{"version":2,"decision":');
// prettier-ignore
const L29 = literal(',"request_headers":');
// prettier-ignore
const L30 = literal(',"response_headers":');
// prettier-ignore
const L31 = literal(',"routing_metadata":{},"audit":{"tags":');
// prettier-ignore
const L32 = literal(',"rule_ids":');
// prettier-ignore
const L33 = literal(',"confidence":null,"reason_codes":');
// prettier-ignore
const L34 = literal(',"custom":{"correlation_id":');
// prettier-ignore
const L35 = literal('}}');
// prettier-ignore
const L36 = literal(',"needs_more":');
// prettier-ignore
const L37 = literal(',"request_body_mutation":null,"response_body_mutation":null,"websocket_decision":null}');

/** Reads the canonical form of a requestHeaders, or declines. */
// prettier-ignore
export function readRequestHeaders(r: Reader, end: number): RequestHeaders | undefined {
  r.lit(L0);
  r.text();
  r.lit(L1);
  const vMetadataCorrelationId = r.text();
  r.lit(L2);
  const vMetadataRequestId = r.text();
  r.lit(L3);
  const vMetadataClientIp = r.text();
  r.lit(L4);
  const vMetadataClientPort = r.u16();
  r.lit(L5);
  const vMetadataServerName = r.isNull() ? undefined : r.text();
  r.lit(L6);
  const vMetadataProtocol = r.text();
  r.lit(L7);
  const vMetadataTlsVersion = r.isNull() ? undefined : r.text();
  r.lit(L8);
  const vMetadataTlsCipher = r.isNull() ? undefined : r.text();
  r.lit(L9);
  const vMetadataRouteId = r.isNull() ? undefined : r.text();
  r.lit(L10);
  const vMetadataUpstreamId = r.isNull() ? undefined : r.text();
  r.lit(L11);
  const vMetadataTimestamp = r.text();
  let vMetadataTraceparent;
  if (r.key(L12)) { vMetadataTraceparent = r.text(); }
  r.lit(L13);
  const vMetadata = { correlationId: vMetadataCorrelationId, requestId: vMetadataRequestId, clientIp: vMetadataClientIp, clientPort: vMetadataClientPort, serverName: vMetadataServerName, protocol: vMetadataProtocol, tlsVersion: vMetadataTlsVersion, tlsCipher: vMetadataTlsCipher, routeId: vMetadataRouteId, upstreamId: vMetadataUpstreamId, timestamp: vMetadataTimestamp, traceparent: vMetadataTraceparent };
  r.lit(L14);
  const vMethod = r.method();
  r.lit(L15);
  const vUri = r.uri();
  r.lit(L16);
  const vHeaders = r.multi();
  r.lit(L13);
  return r.ok && r.pos === end ? { type: 'requestHeaders', id: vMetadataCorrelationId, metadata: vMetadata, method: vMethod, uri: vUri, headers: vHeaders, hasBody: undefined } : undefined;
}

/** Reads a requestHeaders with its names sorted, or declines. */
// prettier-ignore
export function readRequestHeadersSorted(r: Reader, end: number): RequestHeaders | undefined {
  r.lit(L0);
  r.text();
  r.lit(L16);
  const vHeaders = r.multi();
  r.lit(L17);
  const vMetadataClientIp = r.text();
  r.lit(L4);
  const vMetadataClientPort = r.u16();
  r.lit(L18);
  const vMetadataCorrelationId = r.text();
  r.lit(L6);
  const vMetadataProtocol = r.text();
  r.lit(L2);
  const vMetadataRequestId = r.text();
  r.lit(L9);
  const vMetadataRouteId = r.isNull() ? undefined : r.text();
  r.lit(L5);
  const vMetadataServerName = r.isNull() ? undefined : r.text();
  r.lit(L11);
  const vMetadataTimestamp = r.text();
  r.lit(L8);
  const vMetadataTlsCipher = r.isNull() ? undefined : r.text();
  r.lit(L7);
  const vMetadataTlsVersion = r.isNull() ? undefined : r.text();
  let vMetadataTraceparent;
  if (r.key(L12)) { vMetadataTraceparent = r.text(); }
  r.lit(L10);
  const vMetadataUpstreamId = r.isNull() ? undefined : r.text();
  r.lit(L13);
  const vMetadata = { correlationId: vMetadataCorrelationId, requestId: vMetadataRequestId, clientIp: vMetadataClientIp, clientPort: vMetadataClientPort, serverName: vMetadataServerName, protocol: vMetadataProtocol, tlsVersion: vMetadataTlsVersion, tlsCipher: vMetadataTlsCipher, routeId: vMetadataRouteId, upstreamId: vMetadataUpstreamId, timestamp: vMetadataTimestamp, traceparent: vMetadataTraceparent };
  r.lit(L14);
  const vMethod = r.method();
  r.lit(L15);
  const vUri = r.uri();
  r.lit(L13);
  return r.ok && r.pos === end ? { type: 'requestHeaders', id: vMetadataCorrelationId, metadata: vMetadata, method: vMethod, uri: vUri, headers: vHeaders, hasBody: undefined } : undefined;
}

/** Writes a requestHeaders, or declines. */
// prettier-ignore
export function writeRequestHeaders(m: RequestHeaders): string | undefined {
  const id = String(m.id);
  return JSON.stringify({ correlation_id: id, metadata: { correlation_id: id, request_id: m.metadata.requestId, client_ip: m.metadata.clientIp, client_port: m.metadata.clientPort, server_name: m.metadata.serverName ?? null, protocol: m.metadata.protocol, tls_version: m.metadata.tlsVersion ?? null, tls_cipher: m.metadata.tlsCipher ?? null, route_id: m.metadata.routeId ?? null, upstream_id: m.metadata.upstreamId ?? null, timestamp: m.metadata.timestamp, traceparent: m.metadata.traceparent }, method: m.method, uri: m.uri, headers: writeMulti(m.headers) });
}

/** Reads the canonical form of a requestBodyChunk, or declines. */
// prettier-ignore
export function readRequestBodyChunk(r: Reader, end: number): RequestBodyChunk | undefined {
  r.lit(L0);
  const vId = r.text();
  r.lit(L19);
  const vData = r.data();
  r.lit(L20);
  const vLast = r.bool();
  r.lit(L21);
  const vTotalSize = r.isNull() ? undefined : r.u64();
  r.lit(L22);
  const vIndex = r.u32();
  r.lit(L23);
  const vBytesTransferred = r.u64();
  r.lit(L13);
  return r.ok && r.pos === end ? { type: 'requestBodyChunk', id: vId, index: vIndex, data: vData, last: vLast, totalSize: vTotalSize, bytesTransferred: vBytesTransferred } : undefined;
}

/** Reads a requestBodyChunk with its names sorted, or declines. */
// prettier-ignore
export function readRequestBodyChunkSorted(r: Reader, end: number): RequestBodyChunk | undefined {
  r.lit(L24);
  const vBytesTransferred = r.u64();
  r.lit(L22);
  const vIndex = r.u32();
  r.lit(L18);
  const vId = r.text();
  r.lit(L19);
  const vData = r.data();
  r.lit(L20);
  const vLast = r.bool();
  r.lit(L21);
  const vTotalSize = r.isNull() ? undefined : r.u64();
  r.lit(L13);
  return r.ok && r.pos === end ? { type: 'requestBodyChunk', id: vId, index: vIndex, data: vData, last: vLast, totalSize: vTotalSize, bytesTransferred: vBytesTransferred } : undefined;
}

/** Writes a requestBodyChunk, or declines. */
// prettier-ignore
export function writeRequestBodyChunk(m: RequestBodyChunk): string | undefined {
  const id = String(m.id);
  return '{"correlation_id":' + JSON.stringify(id) + ',"data":"' + encodeBase64(m.data) + '","is_last":' + m.last + ',"total_size":' + (m.totalSize ?? null) + ',"chunk_index":' + m.index + ',"bytes_received":' + (m.bytesTransferred ?? m.data.length) + '}';
}

/** Reads the canonical form of a responseHeaders, or declines. */
// prettier-ignore
export function readResponseHeaders(r: Reader, end: number): ResponseHeaders | undefined {
  r.lit(L0);
  const vId = r.text();
  r.lit(L25);
  const vStatus = r.status();
  r.lit(L16);
  const vHeaders = r.multi();
  r.lit(L13);
  return r.ok && r.pos === end ? { type: 'responseHeaders', id: vId, status: vStatus, headers: vHeaders, hasBody: undefined } : undefined;
}

/** Reads a responseHeaders with its names sorted, or declines. */
// prettier-ignore
export function readResponseHeadersSorted(r: Reader, end: number): ResponseHeaders | undefined {
  r.lit(L0);
  const vId = r.text();
  r.lit(L16);
  const vHeaders = r.multi();
  r.lit(L25);
  const vStatus = r.status();
  r.lit(L13);
  return r.ok && r.pos === end ? { type: 'responseHeaders', id: vId, status: vStatus, headers: vHeaders, hasBody: undefined } : undefined;
}

/** Writes a responseHeaders, or declines. */
// prettier-ignore
export function writeResponseHeaders(m: ResponseHeaders): string | undefined {
  const id = String(m.id);
  return JSON.stringify({ correlation_id: id, status: m.status, headers: writeMulti(m.headers) });
}

/** Reads the canonical form of a responseBodyChunk, or declines. */
// prettier-ignore
export function readResponseBodyChunk(r: Reader, end: number): ResponseBodyChunk | undefined {
  r.lit(L0);
  const vId = r.text();
  r.lit(L19);
  const vData = r.data();
  r.lit(L20);
  const vLast = r.bool();
  r.lit(L21);
  const vTotalSize = r.isNull() ? undefined : r.u64();
  r.lit(L22);
  const vIndex = r.u32();
  r.lit(L26);
  const vBytesTransferred = r.u64();
  r.lit(L13);
  return r.ok && r.pos === end ? { type: 'responseBodyChunk', id: vId, index: vIndex, data: vData, last: vLast, totalSize: vTotalSize, bytesTransferred: vBytesTransferred } : undefined;
}

/** Reads a responseBodyChunk with its names sorted, or declines. */
// prettier-ignore
export function readResponseBodyChunkSorted(r: Reader, end: number): ResponseBodyChunk | undefined {
  r.lit(L27);
  const vBytesTransferred = r.u64();
  r.lit(L22);
  const vIndex = r.u32();
  r.lit(L18);
  const vId = r.text();
  r.lit(L19);
  const vData = r.data();
  r.lit(L20);
  const vLast = r.bool();
  r.lit(L21);
  const vTotalSize = r.isNull() ? undefined : r.u64();
  r.lit(L13);
  return r.ok && r.pos === end ? { type: 'responseBodyChunk', id: vId, index: vIndex, data: vData, last: vLast, totalSize: vTotalSize, bytesTransferred: vBytesTransferred } : undefined;
}

/** Writes a responseBodyChunk, or declines. */
// prettier-ignore
export function writeResponseBodyChunk(m: ResponseBodyChunk): string | undefined {
  const id = String(m.id);
  return '{"correlation_id":' + JSON.stringify(id) + ',"data":"' + encodeBase64(m.data) + '","is_last":' + m.last + ',"total_size":' + (m.totalSize ?? null) + ',"chunk_index":' + m.index + ',"bytes_sent":' + (m.bytesTransferred ?? m.data.length) + '}';
}

/** Reads the canonical form of an answer, or declines. */
// prettier-ignore
export function readAnswer(r: Reader, end: number): Answer | undefined {
  r.lit(L28);
  const vVerdict = r.verdict();
  r.lit(L29);
  const vRequestHeaders = r.opsOrEmpty();
  r.lit(L30);
  const vResponseHeaders = r.opsOrEmpty();
  const vRoutingMetadata = undefined;
  r.lit(L31);
  const vAuditTags = r.textsOrEmpty();
  r.lit(L32);
  const vAuditRuleIds = r.textsOrEmpty();
  const vAuditConfidence = undefined;
  r.lit(L33);
  const vAuditReasonCodes = r.textsOrEmpty();
  r.lit(L34);
  const id = r.text();
  const vAuditCustom = undefined;
  r.lit(L35);
  const vAudit = vAuditTags === undefined && vAuditRuleIds === undefined && vAuditConfidence === undefined && vAuditReasonCodes === undefined && vAuditCustom === undefined ? undefined : { tags: vAuditTags, ruleIds: vAuditRuleIds, confidence: vAuditConfidence, reasonCodes: vAuditReasonCodes, custom: vAuditCustom };
  r.lit(L36);
  const vNeedsMore = r.bool() || undefined;
  const vRequestBodyMutation = undefined;
  const vResponseBodyMutation = undefined;
  const vWebSocket = undefined;
  r.lit(L37);
  if (!r.ok || r.pos !== end) return undefined;
  return { type: 'answer', id, decision: { verdict: vVerdict, requestHeaders: vRequestHeaders, responseHeaders: vResponseHeaders, audit: vAudit, needsMore: vNeedsMore, requestBodyMutation: vRequestBodyMutation, responseBodyMutation: vResponseBodyMutation, routingMetadata: vRoutingMetadata, webSocket: vWebSocket, cache: undefined, error: undefined } };
}

/** Writes an answer, or declines. */
// prettier-ignore
export function writeAnswer(m: Answer): string | undefined {
  const id = String(m.id);
  const d = m.decision;
  if (d.requestBodyMutation !== undefined || d.responseBodyMutation !== undefined || d.webSocket !== undefined || d.error !== undefined) return undefined;
  const audit: Audit = d.audit ?? {};
  return JSON.stringify({ version: 2, decision: verdict.write(d.verdict, FORMAT), request_headers: d.requestHeaders === undefined ? [] : headerOps.write(d.requestHeaders, FORMAT), response_headers: d.responseHeaders === undefined ? [] : headerOps.write(d.responseHeaders, FORMAT), routing_metadata: d.routingMetadata ?? {}, audit: { tags: audit.tags ?? [], rule_ids: audit.ruleIds ?? [], confidence: audit.confidence ?? null, reason_codes: audit.reasonCodes ?? [], custom: { ...audit.custom, correlation_id: id } }, needs_more: d.needsMore ?? false, request_body_mutation: null, response_body_mutation: null, websocket_decision: null });
}
