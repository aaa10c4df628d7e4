import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Clock, HeaderList, RequestHeaders, RequestMetadata } from '@agentwire/core';
import { HeaderMap, stripHopByHop } from '@agentwire/headers';

function isTls(socket: IncomingMessage['socket']): socket is TLSSocket {
  return 'encrypted' in socket && socket.encrypted === true;
}

/** Who asks and how, for the agents. */
function metadataOf(request: IncomingMessage, requestId: string, clock: Clock): RequestMetadata {
  const { socket, headers } = request;
  const traceparent = headers['traceparent'];
  return {
    correlationId: requestId,
    requestId,
    clientIp: socket.remoteAddress ?? '',
    clientPort: socket.remotePort ?? 0,
    serverName: headers.host,
    protocol: `HTTP/${request.httpVersion}`,
    tlsVersion: isTls(socket) ? (socket.getProtocol() ?? undefined) : undefined,
    timestamp: new Date(clock.wallNow()).toISOString(),
    ...(typeof traceparent === 'string' && { traceparent }),
  };
}

/** Whether a body follows the head (RFC 9112 §6.3: a request has one only if its framing says so). */
export function hasBody(request: IncomingMessage): boolean {
  const { headers } = request;
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

/** The event that agents see of a request: its headers as they came. */
export function headEvent(request: IncomingMessage, id: number, clock: Clock): RequestHeaders {
  return {
    type: 'requestHeaders',
    id,
    metadata: metadataOf(request, `${process.pid}-${id}`, clock),
    method: request.method ?? 'GET',
    uri: request.url ?? '/',
    headers: request.rawHeaders,
    hasBody: hasBody(request),
  };
}

/** What the upstream gets: without this hop's headers, and with the client's address as this proxy saw it. */
export function forwardedHeaders(headers: HeaderList, request: IncomingMessage, trustForwarded: boolean): HeaderMap {
  const map = new HeaderMap(stripHopByHop(headers));
  const address = request.socket.remoteAddress ?? 'unknown';
  const earlier = trustForwarded ? map.get('x-forwarded-for') : undefined;
  map.setTrusted('x-forwarded-for', earlier === undefined ? address : `${earlier}, ${address}`);
  if (!trustForwarded || !map.has('x-forwarded-proto'))
    map.setTrusted('x-forwarded-proto', isTls(request.socket) ? 'https' : 'http');
  const host = request.headers.host;
  if (host !== undefined && (!trustForwarded || !map.has('x-forwarded-host'))) map.setTrusted('x-forwarded-host', host);
  return map;
}
