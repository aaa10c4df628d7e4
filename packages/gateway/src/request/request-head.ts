import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Clock, HeaderList, RequestHeaders, RequestMetadata } from '@agentwire/core';
import type { Client } from '@agentwire/pipeline/internal';
import type { RequestTarget } from './target.ts';

/** Returns whether the client speaks TLS to this process. */
function isTls(socket: IncomingMessage['socket']): socket is TLSSocket {
  return 'encrypted' in socket && socket.encrypted === true;
}

/** Returns the client's address; an IPv4 address without the `::ffff:` of a dual-stack listener. */
function clientAddress(request: IncomingMessage): string | undefined {
  const address = request.socket.remoteAddress;
  return address?.startsWith('::ffff:') ? address.slice(7) : address;
}

/** Returns the client of a request. */
export function clientOf(request: IncomingMessage): Client {
  return { address: clientAddress(request), secure: isTls(request.socket) };
}

/** Returns the address for `maxUpstreamConnectionsPerClient`: as a trusted proxy in front saw it, else the client's. */
export function clientShare(request: IncomingMessage, trustForwarded: boolean): string | undefined {
  const forwarded = trustForwarded ? request.headers['x-forwarded-for'] : undefined;
  const last = typeof forwarded === 'string' ? forwarded.slice(forwarded.lastIndexOf(',') + 1).trim() : '';
  return last === '' ? clientAddress(request) : last;
}

/** Returns the metadata of a request. */
function metadataOf(
  request: IncomingMessage,
  serverName: string | undefined,
  requestId: string,
  clock: Clock,
): RequestMetadata {
  const { socket, headers } = request;
  const traceparent = headers['traceparent'];
  return {
    correlationId: requestId,
    requestId,
    clientIp: clientAddress(request) ?? '',
    clientPort: socket.remotePort ?? 0,
    serverName,
    protocol: `HTTP/${request.httpVersion}`,
    tlsVersion: isTls(socket) ? (socket.getProtocol() ?? undefined) : undefined,
    timestamp: new Date(clock.wallNow()).toISOString(),
    ...(typeof traceparent === 'string' && { traceparent }),
  };
}

/** Returns the announced length of the body; `undefined` for a chunked one. */
export function announcedLength(request: IncomingMessage): number | undefined {
  const { headers } = request;
  return headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : undefined;
}

/** Returns whether a body follows the head (RFC 9112 §6.3: a request has one only if it is framed). */
export function hasBody(request: IncomingMessage): boolean {
  return announcedLength(request) !== 0;
}

/**
 * Creates the event of a request's head.
 *
 * @param headers those for the upstream
 * @param upstreamHost `Host` for the upstream where the request names none
 */
export function headEvent(
  request: IncomingMessage,
  { path, host }: RequestTarget,
  headers: HeaderList,
  upstreamHost: string,
  id: string,
  clock: Clock,
): RequestHeaders {
  return {
    type: 'requestHeaders',
    id,
    metadata: metadataOf(request, host ?? upstreamHost, id, clock),
    method: request.method ?? 'GET',
    uri: path,
    headers,
    hasBody: hasBody(request),
  };
}
