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
import type { MsgpackReader as Reader } from '../msgpack/msgpack-reader.ts';
import type { MsgpackWriter } from '../msgpack/msgpack-writer.ts';

// prettier-ignore
const L0 = literal('\x84\xa8metadata');
// prettier-ignore
const L1 = literal('\xaecorrelation_id');
// prettier-ignore
const L2 = literal('\xaarequest_id');
// prettier-ignore
const L3 = literal('\xa9client_ip');
// prettier-ignore
const L4 = literal('\xabclient_port');
// prettier-ignore
const L5 = literal('\xabserver_name');
// prettier-ignore
const L6 = literal('\xa8protocol');
// prettier-ignore
const L7 = literal('\xabtls_version');
// prettier-ignore
const L8 = literal('\xaatls_cipher');
// prettier-ignore
const L9 = literal('\xa8route_id');
// prettier-ignore
const L10 = literal('\xabupstream_id');
// prettier-ignore
const L11 = literal('\xa9timestamp');
// prettier-ignore
const L12 = literal('\xabtraceparent');
// prettier-ignore
const L13 = literal('\xa6method');
// prettier-ignore
const L14 = literal('\xa3uri');
// prettier-ignore
const L15 = literal('\xa7headers');
// prettier-ignore
const L16 = literal('\x86\xaecorrelation_id');
// prettier-ignore
const L17 = literal('\xa4data');
// prettier-ignore
const L18 = literal('\xa7is_last');
// prettier-ignore
const L19 = literal('\xaatotal_size');
// prettier-ignore
const L20 = literal('\xabchunk_index');
// prettier-ignore
const L21 = literal('\xaebytes_received');
// prettier-ignore
const L22 = literal('\x83\xaecorrelation_id');
// prettier-ignore
const L23 = literal('\xa6status');
// prettier-ignore
const L24 = literal('\xaabytes_sent');
// prettier-ignore
const L25 = literal('\x8a\xa7version\x02\xa8decision');
// prettier-ignore
const L26 = literal('\xafrequest_headers');
// prettier-ignore
const L27 = literal('\xb0response_headers');
// prettier-ignore
const L28 = literal('\xb0routing_metadata\x80\xa5audit\x85\xa4tags');
// prettier-ignore
const L29 = literal('\xa8rule_ids');
// prettier-ignore
const L30 = literal('\xaaconfidence\xc0\xacreason_codes');
// prettier-ignore
const L31 = literal('\xa6custom\x81\xaecorrelation_id');
// prettier-ignore
const L32 = literal('\xaaneeds_more');
// prettier-ignore
const L33 = literal('\xb5request_body_mutation\xc0\xb6response_body_mutation\xc0\xb2websocket_decision\xc0');

/** Reads the canonical form of a requestHeaders, or declines. */
// prettier-ignore
export function readRequestHeaders(r: Reader, end: number): RequestHeaders | undefined {
  r.lit(L0);
  let vMetadataLeft = r.map() - 11;
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
  if (r.key(L12)) { vMetadataLeft--; vMetadataTraceparent = r.text(); }
  if (vMetadataLeft !== 0) r.ok = false;
  const vMetadata = { correlationId: vMetadataCorrelationId, requestId: vMetadataRequestId, clientIp: vMetadataClientIp, clientPort: vMetadataClientPort, serverName: vMetadataServerName, protocol: vMetadataProtocol, tlsVersion: vMetadataTlsVersion, tlsCipher: vMetadataTlsCipher, routeId: vMetadataRouteId, upstreamId: vMetadataUpstreamId, timestamp: vMetadataTimestamp, traceparent: vMetadataTraceparent };
  r.lit(L13);
  const vMethod = r.method();
  r.lit(L14);
  const vUri = r.uri();
  r.lit(L15);
  const vHeaders = r.multi();
  return r.ok && r.pos === end ? { type: 'requestHeaders', id: vMetadataCorrelationId, metadata: vMetadata, method: vMethod, uri: vUri, headers: vHeaders, hasBody: undefined } : undefined;
}

/** Writes a requestHeaders, or declines. */
// prettier-ignore
export function writeRequestHeaders(w: MsgpackWriter, m: RequestHeaders): void {
  const id = String(m.id);
  w.begin();
  w.constant('\x84\xa8metadata');
  w.byte(0x8b + (m.metadata.traceparent === undefined ? 0 : 1));
  w.text('\xaecorrelation_id', id);
  w.text('\xaarequest_id', m.metadata.requestId);
  w.text('\xa9client_ip', m.metadata.clientIp);
  w.uint('\xabclient_port', m.metadata.clientPort);
  if (m.metadata.serverName === undefined) w.constant('\xabserver_name\xc0'); else w.text('\xabserver_name', m.metadata.serverName);
  w.text('\xa8protocol', m.metadata.protocol);
  if (m.metadata.tlsVersion === undefined) w.constant('\xabtls_version\xc0'); else w.text('\xabtls_version', m.metadata.tlsVersion);
  if (m.metadata.tlsCipher === undefined) w.constant('\xaatls_cipher\xc0'); else w.text('\xaatls_cipher', m.metadata.tlsCipher);
  if (m.metadata.routeId === undefined) w.constant('\xa8route_id\xc0'); else w.text('\xa8route_id', m.metadata.routeId);
  if (m.metadata.upstreamId === undefined) w.constant('\xabupstream_id\xc0'); else w.text('\xabupstream_id', m.metadata.upstreamId);
  w.text('\xa9timestamp', m.metadata.timestamp);
  if (m.metadata.traceparent !== undefined) { w.text('\xabtraceparent', m.metadata.traceparent); }
  w.text('\xa6method', m.method);
  w.text('\xa3uri', m.uri);
  w.constant('\xa7headers');
  w.multi(m.headers);
}

/** Reads the canonical form of a requestBodyChunk, or declines. */
// prettier-ignore
export function readRequestBodyChunk(r: Reader, end: number): RequestBodyChunk | undefined {
  r.lit(L16);
  const vId = r.text();
  r.lit(L17);
  const vData = r.data();
  r.lit(L18);
  const vLast = r.bool();
  r.lit(L19);
  const vTotalSize = r.isNull() ? undefined : r.u64();
  r.lit(L20);
  const vIndex = r.u32();
  r.lit(L21);
  const vBytesTransferred = r.u64();
  return r.ok && r.pos === end ? { type: 'requestBodyChunk', id: vId, index: vIndex, data: vData, last: vLast, totalSize: vTotalSize, bytesTransferred: vBytesTransferred } : undefined;
}

/** Writes a requestBodyChunk, or declines. */
// prettier-ignore
export function writeRequestBodyChunk(w: MsgpackWriter, m: RequestBodyChunk): void {
  const id = String(m.id);
  w.begin();
  w.text('\x86\xaecorrelation_id', id);
  w.text('\xa4data', encodeBase64(m.data));
  w.constant('\xa7is_last');
  w.byte(m.last ? 0xc3 : 0xc2);
  if (m.totalSize === undefined) w.constant('\xaatotal_size\xc0'); else w.uint('\xaatotal_size', m.totalSize);
  w.uint('\xabchunk_index', m.index);
  w.uint('\xaebytes_received', m.bytesTransferred ?? m.data.length);
}

/** Reads the canonical form of a responseHeaders, or declines. */
// prettier-ignore
export function readResponseHeaders(r: Reader, end: number): ResponseHeaders | undefined {
  r.lit(L22);
  const vId = r.text();
  r.lit(L23);
  const vStatus = r.status();
  r.lit(L15);
  const vHeaders = r.multi();
  return r.ok && r.pos === end ? { type: 'responseHeaders', id: vId, status: vStatus, headers: vHeaders, hasBody: undefined } : undefined;
}

/** Writes a responseHeaders, or declines. */
// prettier-ignore
export function writeResponseHeaders(w: MsgpackWriter, m: ResponseHeaders): void {
  const id = String(m.id);
  w.begin();
  w.text('\x83\xaecorrelation_id', id);
  w.uint('\xa6status', m.status);
  w.constant('\xa7headers');
  w.multi(m.headers);
}

/** Reads the canonical form of a responseBodyChunk, or declines. */
// prettier-ignore
export function readResponseBodyChunk(r: Reader, end: number): ResponseBodyChunk | undefined {
  r.lit(L16);
  const vId = r.text();
  r.lit(L17);
  const vData = r.data();
  r.lit(L18);
  const vLast = r.bool();
  r.lit(L19);
  const vTotalSize = r.isNull() ? undefined : r.u64();
  r.lit(L20);
  const vIndex = r.u32();
  r.lit(L24);
  const vBytesTransferred = r.u64();
  return r.ok && r.pos === end ? { type: 'responseBodyChunk', id: vId, index: vIndex, data: vData, last: vLast, totalSize: vTotalSize, bytesTransferred: vBytesTransferred } : undefined;
}

/** Writes a responseBodyChunk, or declines. */
// prettier-ignore
export function writeResponseBodyChunk(w: MsgpackWriter, m: ResponseBodyChunk): void {
  const id = String(m.id);
  w.begin();
  w.text('\x86\xaecorrelation_id', id);
  w.text('\xa4data', encodeBase64(m.data));
  w.constant('\xa7is_last');
  w.byte(m.last ? 0xc3 : 0xc2);
  if (m.totalSize === undefined) w.constant('\xaatotal_size\xc0'); else w.uint('\xaatotal_size', m.totalSize);
  w.uint('\xabchunk_index', m.index);
  w.uint('\xaabytes_sent', m.bytesTransferred ?? m.data.length);
}

/** Reads the canonical form of an answer, or declines. */
// prettier-ignore
export function readAnswer(r: Reader, end: number): Answer | undefined {
  r.lit(L25);
  const vVerdict = r.verdict();
  r.lit(L26);
  const vRequestHeaders = r.opsOrEmpty();
  r.lit(L27);
  const vResponseHeaders = r.opsOrEmpty();
  const vRoutingMetadata = undefined;
  r.lit(L28);
  const vAuditTags = r.textsOrEmpty();
  r.lit(L29);
  const vAuditRuleIds = r.textsOrEmpty();
  const vAuditConfidence = undefined;
  r.lit(L30);
  const vAuditReasonCodes = r.textsOrEmpty();
  r.lit(L31);
  const id = r.text();
  const vAuditCustom = undefined;
  const vAudit = vAuditTags === undefined && vAuditRuleIds === undefined && vAuditConfidence === undefined && vAuditReasonCodes === undefined && vAuditCustom === undefined ? undefined : { tags: vAuditTags, ruleIds: vAuditRuleIds, confidence: vAuditConfidence, reasonCodes: vAuditReasonCodes, custom: vAuditCustom };
  r.lit(L32);
  const vNeedsMore = r.bool() || undefined;
  const vRequestBodyMutation = undefined;
  const vResponseBodyMutation = undefined;
  const vWebSocket = undefined;
  r.lit(L33);
  if (!r.ok || r.pos !== end) return undefined;
  return { type: 'answer', id, decision: { verdict: vVerdict, requestHeaders: vRequestHeaders, responseHeaders: vResponseHeaders, audit: vAudit, needsMore: vNeedsMore, requestBodyMutation: vRequestBodyMutation, responseBodyMutation: vResponseBodyMutation, routingMetadata: vRoutingMetadata, webSocket: vWebSocket, cache: undefined, error: undefined } };
}

/** Writes an answer, or declines. */
// prettier-ignore
export function writeAnswer(w: MsgpackWriter, m: Answer): void {
  const id = String(m.id);
  const d = m.decision;
  w.begin();
  if (d.routingMetadata !== undefined || d.requestBodyMutation !== undefined || d.responseBodyMutation !== undefined || d.webSocket !== undefined || d.error !== undefined) { w.declined = true; return; }
  const audit: Audit = d.audit ?? {};
  if (audit.confidence !== undefined || audit.custom !== undefined) { w.declined = true; return; }
  w.constant('\x8a\xa7version\x02\xa8decision');
  w.verdict(d.verdict);
  w.constant('\xafrequest_headers');
  w.ops(d.requestHeaders ?? []);
  w.constant('\xb0response_headers');
  w.ops(d.responseHeaders ?? []);
  w.constant('\xb0routing_metadata\x80\xa5audit\x85\xa4tags');
  w.texts(audit.tags ?? []);
  w.constant('\xa8rule_ids');
  w.texts(audit.ruleIds ?? []);
  w.constant('\xaaconfidence\xc0\xacreason_codes');
  w.texts(audit.reasonCodes ?? []);
  w.text('\xa6custom\x81\xaecorrelation_id', id);
  w.constant('\xaaneeds_more');
  w.byte(d.needsMore === true ? 0xc3 : 0xc2);
  w.constant('\xb5request_body_mutation\xc0\xb6response_body_mutation\xc0\xb2websocket_decision\xc0');
}
