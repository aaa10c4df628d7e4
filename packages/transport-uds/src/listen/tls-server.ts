import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { AgentwireError } from '@agentwire/core';
import { bindError } from '../stream/errors.ts';
import { nodeTlsMaterial, type TlsOptions } from '../tls-options.ts';
import type { PeerGate } from './peer-gate.ts';

// our own deadline ends a slow TLS handshake; Node's must only come later
const NODE_HANDSHAKE_TIMEOUT_MS = 86_400_000;

/** Names a TCP connection for as long as it lives. */
function nameOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
}

/** Makes a TLS server whose peers take room in `gate` from their first byte on, TLS handshake included. */
export function createTlsServer(address: string, tls: TlsOptions, gate: PeerGate): Server {
  const unfinished = new Map<string, { readonly deadlineMs: number; readonly done: () => void }>();
  const server = makeServer(address, tls);
  server.on('connection', (raw: Socket) => {
    const name = nameOf(raw);
    raw.setNoDelay(true);
    const deadlineMs = gate.deadline();
    const leave = gate.enter({ drop: () => raw.destroy() }, deadlineMs);
    const done = (): void => {
      unfinished.delete(name);
      leave();
    };
    unfinished.set(name, { deadlineMs, done });
    raw.once('close', done);
    // it is the TLS socket on top of it that reports and ends
    raw.on('error', () => undefined);
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    const begun = unfinished.get(nameOf(socket));
    // the connection is gone already when it has no name any more
    if (begun === undefined) {
      socket.destroy();
      return;
    }
    begun.done();
    const certificate = socket.authorized ? socket.getPeerCertificate().raw : undefined;
    const from = `${socket.remoteAddress}:${socket.remotePort}`;
    gate.admit(socket, { address: from, certificate }, begun.deadlineMs);
  });
  // the socket of a failed TLS handshake is destroyed by Node
  server.on('tlsClientError', () => undefined);
  return server;
}

function makeServer(address: string, tls: TlsOptions): Server {
  if (tls.key === undefined || tls.cert === undefined) {
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      `listening on ${address} needs the options tls.key and tls.cert of its transport: createTcpTransport({ tls: { key, cert } }), or transports: stockTransports({ tls: { key, cert } }) with the package agentwire`,
    );
  }
  const verify = tls.requireClientCertificate === true;
  const options = {
    ...nodeTlsMaterial(tls),
    requestCert: verify,
    rejectUnauthorized: verify,
    allowHalfOpen: true,
    handshakeTimeout: NODE_HANDSHAKE_TIMEOUT_MS,
  };
  try {
    return createServer(options);
  } catch (error) {
    throw bindError(error, address);
  }
}
