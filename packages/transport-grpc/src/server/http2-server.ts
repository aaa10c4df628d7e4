import { createSecureServer, createServer, type Http2SecureServer, type Http2Server } from 'node:http2';
import type { Socket } from 'node:net';
import type { Admission, PendingPeer } from '@agentwire/core';
import { http2Caps } from '../connection/http2-settings.ts';
import type { ResolvedGrpcOptions } from '../options.ts';
import { serverTls } from '../tls.ts';

/** Number of the error for a client that does not begin as HTTP/2 does: `NGHTTP2_ERR_BAD_CLIENT_MAGIC`. */
const BAD_PREFACE = -903;

/** Creates the HTTP/2 server of a listener, over TLS if `secure`. */
export function createHttp2Server(
  secure: boolean,
  options: ResolvedGrpcOptions,
  admission: Admission,
  handshakeTimeoutMs: number,
): Http2Server | Http2SecureServer {
  const caps = http2Caps(options);
  const { logger } = options;
  const server = secure
    ? createSecureServer({ ...caps, ...serverTls(options.tls, handshakeTimeoutMs) })
    : createServer(caps);
  server.on('sessionError', (error) => {
    if ((error as { errno?: unknown }).errno !== BAD_PREFACE) logger.debug({ error }, 'HTTP/2 session failed');
    else
      logger.warn(
        { code: 'ERR_PROTOCOL' },
        'refused a peer: it does not speak HTTP/2; over frames the address is unix:PATH, tcp://HOST:PORT or tls://HOST:PORT on both sides',
      );
  });
  if (secure) {
    trackTlsHandshakes(server as Http2SecureServer, admission);
    server.on('tlsClientError', (error) => logger.debug({ error }, 'TLS handshake failed'));
    server.on('unknownProtocol', (socket: Socket) => socket.destroy());
  }
  return server;
}

const keyOf = (socket: Socket): string => `${socket.remoteAddress ?? ''}|${socket.remotePort ?? ''}`;

/** Registers each socket as a pending handshake until its TLS handshake is done; then its session is the pending one. */
function trackTlsHandshakes(server: Http2SecureServer, admission: Admission): void {
  const pending = new Map<string, PendingPeer>();
  server.prependListener('connection', (socket: Socket) => {
    const key = keyOf(socket);
    const peer = admission.begin(() => socket.destroy());
    pending.set(key, peer);
    socket.once('close', () => {
      peer.done();
      if (pending.get(key) === peer) pending.delete(key);
    });
  });
  server.prependListener('secureConnection', (socket: Socket) => {
    const key = keyOf(socket);
    pending.get(key)?.done();
    pending.delete(key);
  });
}
