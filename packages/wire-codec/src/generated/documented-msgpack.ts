// Generated from the table in ../messages by `pnpm generate`; do not edit.
import type { Answer, RequestBodyChunk, RequestHeaders, ResponseBodyChunk, ResponseHeaders } from '@agentwire/core';
import { literal } from '../messages/byte-reader.ts';
import type { MsgpackReader as Reader } from '../msgpack/msgpack-reader.ts';
import type { MsgpackWriter } from '../msgpack/msgpack-writer.ts';

// prettier-ignore
const L0 = literal('\xaarequest_id');
// prettier-ignore
const L1 = literal('\xa8metadata');
// prettier-ignore
const L2 = literal('\xaecorrelation_id');
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
const L16 = literal('\xa8has_body');
// prettier-ignore
const L17 = literal('\xabchunk_index');
// prettier-ignore
const L18 = literal('\xa4data');
// prettier-ignore
const L19 = literal('\xa7is_last');
// prettier-ignore
const L20 = literal('\xaatotal_size');
// prettier-ignore
const L21 = literal('\xa6status');
// prettier-ignore
const L22 = literal('\xa8decision');
// prettier-ignore
const L23 = literal('\xafrequest_headers');
// prettier-ignore
const L24 = literal('\xb0response_headers');
// prettier-ignore
const L25 = literal('\xa5audit');
// prettier-ignore
const L26 = literal('\xa4tags');
// prettier-ignore
const L27 = literal('\xa8rule_ids');
// prettier-ignore
const L28 = literal('\xacreason_codes');
// prettier-ignore
const L29 = literal('\xaaneeds_more');

/** Reads the canonical form of a requestHeaders, or declines. */
// prettier-ignore
export function readRequestHeaders(r: Reader, end: number): RequestHeaders | undefined {
  let vLeft = r.map() - 5;
  r.lit(L0);
  const vId = r.u64();
  r.lit(L1);
  let vMetadataLeft = r.map() - 11;
  r.lit(L2);
  const vMetadataCorrelationId = r.text();
  r.lit(L0);
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
  const vHeaders = r.pairs();
  let vHasBody;
  if (r.key(L16)) { vLeft--; vHasBody = r.bool(); }
  if (vLeft !== 0) r.ok = false;
  return r.ok && r.pos === end ? { type: 'requestHeaders', id: vId, metadata: vMetadata, method: vMethod, uri: vUri, headers: vHeaders, hasBody: vHasBody } : undefined;
}

/** Writes a requestHeaders, or declines. */
// prettier-ignore
export function writeRequestHeaders(w: MsgpackWriter, m: RequestHeaders): void {
  const { id } = m;
  w.begin();
  w.byte(0x85 + (m.hasBody === undefined ? 0 : 1));
  w.number('\xaarequest_id', id);
  w.constant('\xa8metadata');
  w.byte(0x8b + (m.metadata.traceparent === undefined ? 0 : 1));
  w.text('\xaecorrelation_id', m.metadata.correlationId);
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
  w.pairs(m.headers);
  if (m.hasBody !== undefined) { w.constant('\xa8has_body'); w.byte(m.hasBody ? 0xc3 : 0xc2); }
}

/** Reads the canonical form of a requestBodyChunk, or declines. */
// prettier-ignore
export function readRequestBodyChunk(r: Reader, end: number): RequestBodyChunk | undefined {
  let vLeft = r.map() - 4;
  r.lit(L0);
  const vId = r.u64();
  r.lit(L17);
  const vIndex = r.u32();
  r.lit(L18);
  const vData = r.data();
  r.lit(L19);
  const vLast = r.bool();
  let vTotalSize;
  if (r.key(L20)) { vLeft--; vTotalSize = r.u64(); }
  if (vLeft !== 0) r.ok = false;
  return r.ok && r.pos === end ? { type: 'requestBodyChunk', id: vId, index: vIndex, data: vData, last: vLast, totalSize: vTotalSize, bytesTransferred: undefined } : undefined;
}

/** Writes a requestBodyChunk, or declines. */
// prettier-ignore
export function writeRequestBodyChunk(w: MsgpackWriter, m: RequestBodyChunk): void {
  const { id } = m;
  w.begin();
  w.byte(0x84 + (m.totalSize === undefined ? 0 : 1));
  w.number('\xaarequest_id', id);
  w.uint('\xabchunk_index', m.index);
  w.constant('\xa4data');
  w.data(m.data);
  w.constant('\xa7is_last');
  w.byte(m.last ? 0xc3 : 0xc2);
  if (m.totalSize !== undefined) { w.uint('\xaatotal_size', m.totalSize); }
}

/** Reads the canonical form of a responseHeaders, or declines. */
// prettier-ignore
export function readResponseHeaders(r: Reader, end: number): ResponseHeaders | undefined {
  let vLeft = r.map() - 3;
  r.lit(L0);
  const vId = r.u64();
  r.lit(L21);
  const vStatus = r.status();
  r.lit(L15);
  const vHeaders = r.pairs();
  let vHasBody;
  if (r.key(L16)) { vLeft--; vHasBody = r.bool(); }
  if (vLeft !== 0) r.ok = false;
  return r.ok && r.pos === end ? { type: 'responseHeaders', id: vId, status: vStatus, headers: vHeaders, hasBody: vHasBody } : undefined;
}

/** Writes a responseHeaders, or declines. */
// prettier-ignore
export function writeResponseHeaders(w: MsgpackWriter, m: ResponseHeaders): void {
  const { id } = m;
  w.begin();
  w.byte(0x83 + (m.hasBody === undefined ? 0 : 1));
  w.number('\xaarequest_id', id);
  w.uint('\xa6status', m.status);
  w.constant('\xa7headers');
  w.pairs(m.headers);
  if (m.hasBody !== undefined) { w.constant('\xa8has_body'); w.byte(m.hasBody ? 0xc3 : 0xc2); }
}

/** Reads the canonical form of a responseBodyChunk, or declines. */
// prettier-ignore
export function readResponseBodyChunk(r: Reader, end: number): ResponseBodyChunk | undefined {
  let vLeft = r.map() - 4;
  r.lit(L0);
  const vId = r.u64();
  r.lit(L17);
  const vIndex = r.u32();
  r.lit(L18);
  const vData = r.data();
  r.lit(L19);
  const vLast = r.bool();
  let vTotalSize;
  if (r.key(L20)) { vLeft--; vTotalSize = r.u64(); }
  if (vLeft !== 0) r.ok = false;
  return r.ok && r.pos === end ? { type: 'responseBodyChunk', id: vId, index: vIndex, data: vData, last: vLast, totalSize: vTotalSize, bytesTransferred: undefined } : undefined;
}

/** Writes a responseBodyChunk, or declines. */
// prettier-ignore
export function writeResponseBodyChunk(w: MsgpackWriter, m: ResponseBodyChunk): void {
  const { id } = m;
  w.begin();
  w.byte(0x84 + (m.totalSize === undefined ? 0 : 1));
  w.number('\xaarequest_id', id);
  w.uint('\xabchunk_index', m.index);
  w.constant('\xa4data');
  w.data(m.data);
  w.constant('\xa7is_last');
  w.byte(m.last ? 0xc3 : 0xc2);
  if (m.totalSize !== undefined) { w.uint('\xaatotal_size', m.totalSize); }
}

/** Reads the canonical form of an answer, or declines. */
// prettier-ignore
export function readAnswer(r: Reader, end: number): Answer | undefined {
  let vLeft = r.map() - 4;
  r.lit(L0);
  const id = r.u64();
  r.lit(L22);
  const vVerdict = r.verdict();
  r.lit(L23);
  const vRequestHeaders = r.opsOrEmpty();
  r.lit(L24);
  const vResponseHeaders = r.opsOrEmpty();
  let vAudit;
  if (r.key(L25)) { vLeft--;
  let vAuditLeft = r.map() - 0;
  let vAuditTags;
  if (r.key(L26)) { vAuditLeft--; vAuditTags = r.textsOrEmpty(); }
  let vAuditRuleIds;
  if (r.key(L27)) { vAuditLeft--; vAuditRuleIds = r.textsOrEmpty(); }
  const vAuditConfidence = undefined;
  let vAuditReasonCodes;
  if (r.key(L28)) { vAuditLeft--; vAuditReasonCodes = r.textsOrEmpty(); }
  const vAuditCustom = undefined;
  if (vAuditLeft !== 0) r.ok = false;
  vAudit = vAuditTags === undefined && vAuditRuleIds === undefined && vAuditConfidence === undefined && vAuditReasonCodes === undefined && vAuditCustom === undefined ? undefined : { tags: vAuditTags, ruleIds: vAuditRuleIds, confidence: vAuditConfidence, reasonCodes: vAuditReasonCodes, custom: vAuditCustom };
  }
  let vNeedsMore;
  if (r.key(L29)) { vLeft--; vNeedsMore = r.bool() || undefined; }
  const vRequestBodyMutation = undefined;
  const vResponseBodyMutation = undefined;
  const vRoutingMetadata = undefined;
  const vWebSocket = undefined;
  const vCache = undefined;
  const vError = undefined;
  if (vLeft !== 0) r.ok = false;
  if (!r.ok || r.pos !== end) return undefined;
  return { type: 'answer', id, decision: { verdict: vVerdict, requestHeaders: vRequestHeaders, responseHeaders: vResponseHeaders, audit: vAudit, needsMore: vNeedsMore, requestBodyMutation: vRequestBodyMutation, responseBodyMutation: vResponseBodyMutation, routingMetadata: vRoutingMetadata, webSocket: vWebSocket, cache: vCache, error: vError } };
}

/** Writes an answer, or declines. */
// prettier-ignore
export function writeAnswer(w: MsgpackWriter, m: Answer): void {
  const { id } = m;
  const d = m.decision;
  w.begin();
  if (d.requestBodyMutation !== undefined || d.responseBodyMutation !== undefined || d.routingMetadata !== undefined || d.webSocket !== undefined || d.cache !== undefined || d.error !== undefined || (d.audit !== undefined && d.audit.confidence !== undefined) || (d.audit !== undefined && d.audit.custom !== undefined)) { w.declined = true; return; }
  w.byte(0x84 + (d.audit === undefined ? 0 : 1) + (d.needsMore === undefined ? 0 : 1));
  w.number('\xaarequest_id', id);
  w.constant('\xa8decision');
  w.verdict(d.verdict);
  w.constant('\xafrequest_headers');
  w.ops(d.requestHeaders ?? []);
  w.constant('\xb0response_headers');
  w.ops(d.responseHeaders ?? []);
  if (d.audit !== undefined) { w.constant('\xa5audit'); w.byte(0x80 + (d.audit.tags === undefined ? 0 : 1) + (d.audit.ruleIds === undefined ? 0 : 1) + (d.audit.reasonCodes === undefined ? 0 : 1)); if (d.audit.tags !== undefined) { w.constant('\xa4tags'); w.texts(d.audit.tags ?? []); } if (d.audit.ruleIds !== undefined) { w.constant('\xa8rule_ids'); w.texts(d.audit.ruleIds ?? []); } if (d.audit.reasonCodes !== undefined) { w.constant('\xacreason_codes'); w.texts(d.audit.reasonCodes ?? []); } }
  if (d.needsMore !== undefined) { w.constant('\xaaneeds_more'); w.byte(d.needsMore ? 0xc3 : 0xc2); }
}
