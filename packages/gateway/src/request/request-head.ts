import type { TLSSocket } from 'node:tls';
import type { Clock, HeaderList, RequestHeaders, RequestMetadata } from '@agentwire/core';
import type { Client } from '@agentwire/pipeline/internal';
import type { ClientRequest } from '../client-messages.ts';
import { Http2Request } from '../http2/http2-request.ts';
import { forwardedClient, type Hop } from './forwarded-client.ts';
import type { TrustedProxies } from './trusted-proxies.ts';

/** Head of a request, checked. */
export interface RequestHead {
  /** Path and query for agents and upstream, or `*`. */
  readonly path: string;
  /** Requested host, with its port where one was given; `undefined` for HTTP/1.0 without `Host`. */
  readonly host: string | undefined;
  /** Lines for agents and upstream. */
  readonly lines: HeaderList;
  /** Client, behind trusted proxies. */
  readonly client: Hop;
}

/** Returns whether the client speaks TLS to this process. */
function isTls(socket: ClientRequest['socket']): socket is TLSSocket {
  return 'encrypted' in socket && socket.encrypted === true;
}

/** Returns the client's address; an IPv4 address without the `::ffff:` of a dual-stack listener. */
function clientAddress(request: ClientRequest): string | undefined {
  const address = request.socket.remoteAddress;
  return address?.startsWith('::ffff:') ? address.slice(7) : address;
}

/** Returns the sender of a request: its client, or a proxy in front. */
export function peerOf(request: ClientRequest, proxies: TrustedProxies | undefined): Client & Hop {
  const address = clientAddress(request);
  const { socket } = request;
  const trusted = proxies?.trustsPeer(address) === true;
  return { address, port: socket.remotePort ?? 0, secure: isTls(socket), trusted };
}

/** Returns the client of a request: its sender, or whom that names where it is a trusted proxy. */
export function clientOf(
  { rawHeaders }: Pick<ClientRequest, 'rawHeaders'>,
  peer: Client & Hop,
  proxies: TrustedProxies | undefined,
): Hop {
  return peer.trusted && proxies !== undefined ? forwardedClient(rawHeaders, peer, proxies.trustsHop) : peer;
}

let lastMs = NaN;
let lastTime = '';

/** Formats a time; requests of one millisecond share the text. */
function isoTime(ms: number): string {
  if (ms === lastMs) return lastTime;
  lastMs = ms;
  return (lastTime = new Date(ms).toISOString());
}

/** Returns the metadata of a request. */
function metadataOf(
  request: ClientRequest,
  client: Hop,
  serverName: string | undefined,
  requestId: string,
  clock: Clock,
  span: string | undefined,
): RequestMetadata {
  const { socket, headers } = request;
  const traceparent = span ?? headers['traceparent'];
  return {
    correlationId: requestId,
    requestId,
    clientIp: client.address ?? '',
    clientPort: client.port,
    serverName,
    protocol: `HTTP/${request.httpVersion}`,
    tlsVersion: isTls(socket) ? (socket.getProtocol() ?? undefined) : undefined,
    timestamp: isoTime(clock.wallNow()),
    ...(typeof traceparent === 'string' && { traceparent }),
  };
}

/** Returns the announced length of the body; `undefined` where only its end tells it. */
export function announcedLength(request: ClientRequest): number | undefined {
  const { headers } = request;
  if (request instanceof Http2Request) return request.bodyLength;
  return headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : undefined;
}

/** Returns whether a body follows the head (RFC 9112 §6.3: a request has one only if it is framed; with HTTP/2 unless the head ends the stream). */
export function hasBody(request: ClientRequest): boolean {
  return announcedLength(request) !== 0;
}

/**
 * Creates the event of a request's head.
 *
 * @param upstreamHost `Host` for the upstream where the request names none
 * @param span `traceparent` of the gateway's own span of the request
 */
export function headEvent(
  request: ClientRequest,
  { path, host, lines: headers, client }: RequestHead,
  upstreamHost: string,
  id: string,
  clock: Clock,
  span?: string,
): RequestHeaders {
  return {
    type: 'requestHeaders',
    id,
    metadata: metadataOf(request, client, host ?? upstreamHost, id, clock, span),
    method: request.method ?? 'GET',
    uri: path,
    headers,
    hasBody: hasBody(request),
  };
}
