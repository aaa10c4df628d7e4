import type { RequestBodyChunk, RequestHeaders, RequestMetadata, ResponseBodyChunk } from '@agentwire/core';
import { MAX_HEADERS } from '../reference/header-fields.ts';
import { formatTimestamp } from '../reference/timestamp.ts';
import {
  CHUNK_BYTES_TRANSFERRED,
  CHUNK_CHUNK_INDEX,
  CHUNK_CORRELATION_ID,
  CHUNK_DATA,
  CHUNK_IS_LAST,
  CHUNK_PROXY_BUFFER_AVAILABLE,
  CHUNK_TIMESTAMP_MS,
  CHUNK_TOTAL_SIZE,
  EVENT_HAS_BODY,
  EVENT_HEADERS,
  EVENT_HTTP_VERSION,
  EVENT_METADATA,
  EVENT_METHOD,
  EVENT_URI,
  METADATA_CLIENT_IP,
  METADATA_CLIENT_PORT,
  METADATA_CORRELATION_ID,
  METADATA_LOG_CORRELATION_ID,
  METADATA_PROTOCOL,
  METADATA_REQUEST_ID,
  METADATA_ROUTE_ID,
  METADATA_SERVER_NAME,
  METADATA_TIMESTAMP_MS,
  METADATA_TLS_CIPHER,
  METADATA_TLS_VERSION,
  METADATA_TRACEPARENT,
  METADATA_UPSTREAM_ID,
  HEADER_NAME,
  HEADER_VALUE,
} from './field-tags.ts';
import { hotRead, openText, readEnd, readPrintable, readText, readToken, readVarint, readWord } from './read-fields.ts';

/** First bytes of the tags of agentwire's own numbers. */
const HAS_BODY = EVENT_HAS_BODY & 0xff;
const LOG_CORRELATION_ID = METADATA_LOG_CORRELATION_ID & 0xff;
const TLS_CIPHER = METADATA_TLS_CIPHER & 0xff;

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The id of the event whose metadata was read last. */
let idInMetadata = '';

/** Declines another second byte of an agentwire tag, and such a tag from a third-party peer. */
function readAgentwireTag(buffer: Buffer, tag: number, isAgentwire: boolean): void {
  if (!isAgentwire || buffer[hotRead.at++] !== tag >> 8) hotRead.declined = true;
}

function readMetadata(buffer: Buffer, end: number, isAgentwire: boolean): RequestMetadata {
  const metadata: Writable<RequestMetadata> = {
    correlationId: '',
    requestId: '',
    clientIp: '',
    clientPort: 0,
    protocol: '',
    timestamp: '',
  };
  let logId: string | undefined;
  while (hotRead.at < end && !hotRead.declined) {
    switch (buffer[hotRead.at++]) {
      case METADATA_CORRELATION_ID:
        metadata.correlationId = readText(buffer, end);
        break;
      case METADATA_REQUEST_ID:
        metadata.requestId = readText(buffer, end);
        break;
      case METADATA_CLIENT_IP:
        metadata.clientIp = readText(buffer, end);
        break;
      case METADATA_CLIENT_PORT:
        metadata.clientPort = readVarint(buffer);
        if (metadata.clientPort > 65_535) hotRead.declined = true;
        break;
      case METADATA_SERVER_NAME:
        metadata.serverName = readWord(buffer, end);
        break;
      case METADATA_PROTOCOL:
        metadata.protocol = readWord(buffer, end);
        break;
      case METADATA_TLS_VERSION:
        metadata.tlsVersion = readWord(buffer, end);
        break;
      case METADATA_ROUTE_ID:
        metadata.routeId = readWord(buffer, end);
        break;
      case METADATA_UPSTREAM_ID:
        metadata.upstreamId = readWord(buffer, end);
        break;
      case METADATA_TIMESTAMP_MS:
        metadata.timestamp = readTimestamp(buffer);
        break;
      case METADATA_TRACEPARENT:
        metadata.traceparent = readText(buffer, end);
        break;
      case LOG_CORRELATION_ID:
        readAgentwireTag(buffer, METADATA_LOG_CORRELATION_ID, isAgentwire);
        logId = readText(buffer, end);
        break;
      case TLS_CIPHER:
        readAgentwireTag(buffer, METADATA_TLS_CIPHER, isAgentwire);
        metadata.tlsCipher = readWord(buffer, end);
        break;
      default:
        hotRead.declined = true;
    }
  }
  idInMetadata = metadata.correlationId;
  if (logId !== undefined) metadata.correlationId = logId;
  return metadata;
}

function readTimestamp(buffer: Buffer): string {
  const formatted = formatTimestamp(readVarint(buffer));
  if (formatted === undefined) hotRead.declined = true;
  return formatted ?? '';
}

function readHeader(buffer: Buffer, end: number, list: string[]): void {
  const to = readEnd(buffer, end);
  if (buffer[hotRead.at++] !== HEADER_NAME) hotRead.declined = true;
  list.push(readToken(buffer, to));
  let value = '';
  if (hotRead.at < to) {
    if (buffer[hotRead.at++] !== HEADER_VALUE) hotRead.declined = true;
    value = readPrintable(buffer, to, 0x20);
  }
  list.push(value);
  if (hotRead.at !== to) hotRead.declined = true;
}

/**
 * Reads RequestHeaders in its usual form, from behind its outer tag; undefined where the reference has to do it.
 *
 * @param isAgentwire `true` for a peer that knows the numbers from 100 up
 */
export function readRequestHeaders(
  buffer: Buffer,
  start: number,
  end: number,
  isAgentwire: boolean,
): RequestHeaders | undefined {
  hotRead.at = start;
  hotRead.declined = false;
  if (readEnd(buffer, end) !== end) return undefined;
  openText(buffer, start, end);
  let metadata: RequestMetadata | undefined;
  let method = '';
  let uri = '';
  const headers: string[] = [];
  let hasBody: boolean | undefined;
  while (hotRead.at < end && !hotRead.declined) {
    switch (buffer[hotRead.at++]) {
      case EVENT_METADATA:
        if (metadata !== undefined) return undefined;
        metadata = readMetadata(buffer, readEnd(buffer, end), isAgentwire);
        break;
      case EVENT_METHOD:
        method = readToken(buffer, end);
        break;
      case EVENT_URI:
        uri = readPrintable(buffer, end, 0x21);
        break;
      case EVENT_HTTP_VERSION:
        readWord(buffer, end);
        break;
      case EVENT_HEADERS:
        readHeader(buffer, end, headers);
        break;
      case HAS_BODY: {
        readAgentwireTag(buffer, EVENT_HAS_BODY, isAgentwire);
        const value = readVarint(buffer);
        if (value > 1) hotRead.declined = true;
        hasBody = value === 1;
        break;
      }
      default:
        return undefined;
    }
  }
  const sound = !hotRead.declined && hotRead.at === end && method !== '' && headers.length <= 2 * MAX_HEADERS;
  if (!sound || metadata === undefined) return undefined;
  return { type: 'requestHeaders', id: idInMetadata, metadata, method, uri, headers, hasBody };
}

/** Reads a body chunk from behind its outer tag; undefined where the reference has to do it. */
export function readBodyChunk(
  type: 'requestBodyChunk' | 'responseBodyChunk',
  buffer: Buffer,
  start: number,
  end: number,
): RequestBodyChunk | ResponseBodyChunk | undefined {
  hotRead.at = start;
  hotRead.declined = false;
  if (readEnd(buffer, end) !== end) return undefined;
  let id = '';
  let index = 0;
  let from = 0;
  let to = 0;
  let last = 0;
  let totalSize: number | undefined;
  let transferred = 0;
  while (hotRead.at < end && !hotRead.declined) {
    switch (buffer[hotRead.at++]) {
      case CHUNK_CORRELATION_ID: {
        const idEnd = readEnd(buffer, end);
        id = buffer.toString('latin1', hotRead.at, idEnd);
        for (; hotRead.at < idEnd; hotRead.at++) if ((buffer[hotRead.at] as number) > 127) return undefined;
        break;
      }
      case CHUNK_CHUNK_INDEX:
        index = readVarint(buffer);
        break;
      case CHUNK_DATA:
        to = readEnd(buffer, end);
        from = hotRead.at;
        hotRead.at = to;
        break;
      case CHUNK_IS_LAST:
        last = readVarint(buffer);
        break;
      case CHUNK_TOTAL_SIZE:
        totalSize = readVarint(buffer);
        break;
      case CHUNK_BYTES_TRANSFERRED:
        transferred = readVarint(buffer);
        break;
      case CHUNK_PROXY_BUFFER_AVAILABLE:
      case CHUNK_TIMESTAMP_MS:
        readVarint(buffer);
        break;
      default:
        return undefined;
    }
  }
  if (hotRead.declined || hotRead.at !== end || index > 0xffff_ffff || last > 1) return undefined;
  const chunk: Writable<RequestBodyChunk | ResponseBodyChunk> = {
    type,
    id,
    index,
    data: own(buffer, from, to),
    last: last === 1,
  };
  if (totalSize !== undefined) chunk.totalSize = totalSize;
  if (transferred !== 0) chunk.bytesTransferred = transferred;
  return chunk;
}

/** The bytes as a view; a copy where a view would keep much more alive than it shows. */
function own(buffer: Buffer, from: number, to: number): Uint8Array {
  const view = new Uint8Array(buffer.buffer, buffer.byteOffset + from, to - from);
  return (to - from) * 4 < buffer.length ? view.slice() : view;
}
