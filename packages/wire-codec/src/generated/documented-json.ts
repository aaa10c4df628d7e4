// Generated from the table in ../messages by `pnpm generate`; do not edit.
import type { Answer, RequestBodyChunk, RequestHeaders, ResponseBodyChunk, ResponseHeaders } from '@agentwire/core';
import { encodeBase64 } from '../json/base64.ts';
import { literal } from '../messages/byte-reader.ts';
import { verdict } from '../messages/decision-codecs.ts';
import type { WireFormat } from '../messages/wire-format.ts';
import { headerOps, writePairs } from '../messages/header-codecs.ts';
import type { JsonReader as Reader } from '../json/json-reader.ts';

const FORMAT: WireFormat = { dialect: 'documented', encoding: 'json', errors: false };
// prettier-ignore
const L0 = literal('{"request_id":');
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
const L17 = literal('"has_body":');
// prettier-ignore
const L18 = literal(',"chunk_index":');
// prettier-ignore
const L19 = literal(',"data":');
// prettier-ignore
const L20 = literal(',"is_last":');
// prettier-ignore
const L21 = literal('"total_size":');
// prettier-ignore
const L22 = literal(',"status":');
// prettier-ignore
const L23 = literal(',"decision":');
// prettier-ignore
const L24 = literal(',"request_headers":');
// prettier-ignore
const L25 = literal(',"response_headers":');
// prettier-ignore
const L26 = literal('"audit":');
// prettier-ignore
const L27 = literal('{');
// prettier-ignore
const L28 = literal('"tags":');
// prettier-ignore
const L29 = literal('"rule_ids":');
// prettier-ignore
const L30 = literal('"reason_codes":');
// prettier-ignore
const L31 = literal('"needs_more":');

/** Reads the canonical form of a requestHeaders, or declines. */
// prettier-ignore
export function readRequestHeaders(r: Reader, end: number): RequestHeaders | undefined {
  r.lit(L0);
  const vId = r.u64();
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
  const vHeaders = r.pairs();
  let vHasBody;
  if (r.key(L17)) { vHasBody = r.bool(); }
  r.lit(L13);
  return r.ok && r.pos === end ? { type: 'requestHeaders', id: vId, metadata: vMetadata, method: vMethod, uri: vUri, headers: vHeaders, hasBody: vHasBody } : undefined;
}

/** Writes a requestHeaders, or declines. */
// prettier-ignore
export function writeRequestHeaders(m: RequestHeaders): string | undefined {
  const { id } = m;
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0) return undefined;
  return JSON.stringify({ request_id: id, metadata: { correlation_id: m.metadata.correlationId, request_id: m.metadata.requestId, client_ip: m.metadata.clientIp, client_port: m.metadata.clientPort, server_name: m.metadata.serverName ?? null, protocol: m.metadata.protocol, tls_version: m.metadata.tlsVersion ?? null, tls_cipher: m.metadata.tlsCipher ?? null, route_id: m.metadata.routeId ?? null, upstream_id: m.metadata.upstreamId ?? null, timestamp: m.metadata.timestamp, traceparent: m.metadata.traceparent }, method: m.method, uri: m.uri, headers: writePairs(m.headers), has_body: m.hasBody });
}

/** Reads the canonical form of a requestBodyChunk, or declines. */
// prettier-ignore
export function readRequestBodyChunk(r: Reader, end: number): RequestBodyChunk | undefined {
  r.lit(L0);
  const vId = r.u64();
  r.lit(L18);
  const vIndex = r.u32();
  r.lit(L19);
  const vData = r.data();
  r.lit(L20);
  const vLast = r.bool();
  let vTotalSize;
  if (r.key(L21)) { vTotalSize = r.u64(); }
  r.lit(L13);
  return r.ok && r.pos === end ? { type: 'requestBodyChunk', id: vId, index: vIndex, data: vData, last: vLast, totalSize: vTotalSize, bytesTransferred: undefined } : undefined;
}

/** Writes a requestBodyChunk, or declines. */
// prettier-ignore
export function writeRequestBodyChunk(m: RequestBodyChunk): string | undefined {
  const { id } = m;
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0) return undefined;
  return '{"request_id":' + id + ',"chunk_index":' + m.index + ',"data":"' + encodeBase64(m.data) + '","is_last":' + m.last + (m.totalSize === undefined ? '' : ',"total_size":' + m.totalSize) + '}';
}

/** Reads the canonical form of a responseHeaders, or declines. */
// prettier-ignore
export function readResponseHeaders(r: Reader, end: number): ResponseHeaders | undefined {
  r.lit(L0);
  const vId = r.u64();
  r.lit(L22);
  const vStatus = r.status();
  r.lit(L16);
  const vHeaders = r.pairs();
  let vHasBody;
  if (r.key(L17)) { vHasBody = r.bool(); }
  r.lit(L13);
  return r.ok && r.pos === end ? { type: 'responseHeaders', id: vId, status: vStatus, headers: vHeaders, hasBody: vHasBody } : undefined;
}

/** Writes a responseHeaders, or declines. */
// prettier-ignore
export function writeResponseHeaders(m: ResponseHeaders): string | undefined {
  const { id } = m;
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0) return undefined;
  return JSON.stringify({ request_id: id, status: m.status, headers: writePairs(m.headers), has_body: m.hasBody });
}

/** Reads the canonical form of a responseBodyChunk, or declines. */
// prettier-ignore
export function readResponseBodyChunk(r: Reader, end: number): ResponseBodyChunk | undefined {
  r.lit(L0);
  const vId = r.u64();
  r.lit(L18);
  const vIndex = r.u32();
  r.lit(L19);
  const vData = r.data();
  r.lit(L20);
  const vLast = r.bool();
  let vTotalSize;
  if (r.key(L21)) { vTotalSize = r.u64(); }
  r.lit(L13);
  return r.ok && r.pos === end ? { type: 'responseBodyChunk', id: vId, index: vIndex, data: vData, last: vLast, totalSize: vTotalSize, bytesTransferred: undefined } : undefined;
}

/** Writes a responseBodyChunk, or declines. */
// prettier-ignore
export function writeResponseBodyChunk(m: ResponseBodyChunk): string | undefined {
  const { id } = m;
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0) return undefined;
  return '{"request_id":' + id + ',"chunk_index":' + m.index + ',"data":"' + encodeBase64(m.data) + '","is_last":' + m.last + (m.totalSize === undefined ? '' : ',"total_size":' + m.totalSize) + '}';
}

/** Reads the canonical form of an answer, or declines. */
// prettier-ignore
export function readAnswer(r: Reader, end: number): Answer | undefined {
  r.lit(L0);
  const id = r.u64();
  r.lit(L23);
  const vVerdict = r.verdict();
  r.lit(L24);
  const vRequestHeaders = r.opsOrEmpty();
  r.lit(L25);
  const vResponseHeaders = r.opsOrEmpty();
  let vAudit;
  if (r.key(L26)) {
  r.lit(L27);
  let vAuditTags;
  if (r.key(L28)) { vAuditTags = r.textsOrEmpty(); }
  let vAuditRuleIds;
  if (r.key(L29)) { vAuditRuleIds = r.textsOrEmpty(); }
  const vAuditConfidence = undefined;
  let vAuditReasonCodes;
  if (r.key(L30)) { vAuditReasonCodes = r.textsOrEmpty(); }
  const vAuditCustom = undefined;
  r.lit(L13);
  vAudit = vAuditTags === undefined && vAuditRuleIds === undefined && vAuditConfidence === undefined && vAuditReasonCodes === undefined && vAuditCustom === undefined ? undefined : { tags: vAuditTags, ruleIds: vAuditRuleIds, confidence: vAuditConfidence, reasonCodes: vAuditReasonCodes, custom: vAuditCustom };
  }
  let vNeedsMore;
  if (r.key(L31)) { vNeedsMore = r.bool() || undefined; }
  const vRequestBodyMutation = undefined;
  const vResponseBodyMutation = undefined;
  const vRoutingMetadata = undefined;
  const vWebSocket = undefined;
  const vCache = undefined;
  const vError = undefined;
  r.lit(L13);
  if (!r.ok || r.pos !== end) return undefined;
  return { type: 'answer', id, decision: { verdict: vVerdict, requestHeaders: vRequestHeaders, responseHeaders: vResponseHeaders, audit: vAudit, needsMore: vNeedsMore, requestBodyMutation: vRequestBodyMutation, responseBodyMutation: vResponseBodyMutation, routingMetadata: vRoutingMetadata, webSocket: vWebSocket, cache: vCache, error: vError } };
}

/** Writes an answer, or declines. */
// prettier-ignore
export function writeAnswer(m: Answer): string | undefined {
  const { id } = m;
  if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0) return undefined;
  const d = m.decision;
  if (d.requestBodyMutation !== undefined || d.responseBodyMutation !== undefined || d.webSocket !== undefined || d.cache !== undefined || d.error !== undefined) return undefined;
  const { audit } = d;
  return JSON.stringify({ request_id: id, decision: verdict.write(d.verdict, FORMAT), request_headers: d.requestHeaders === undefined ? [] : headerOps.write(d.requestHeaders, FORMAT), response_headers: d.responseHeaders === undefined ? [] : headerOps.write(d.responseHeaders, FORMAT), audit: audit === undefined ? undefined : { tags: audit.tags, rule_ids: audit.ruleIds, confidence: audit.confidence, reason_codes: audit.reasonCodes, custom: audit.custom }, needs_more: d.needsMore, routing_metadata: d.routingMetadata });
}
