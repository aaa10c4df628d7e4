import type { SecureClientSessionOptions, SecureServerOptions } from 'node:http2';
import { AgentwireError } from '@agentwire/core';
import type { GrpcTlsOptions } from './options.ts';

type Pem = string | Buffer;

const pem = (value: string | Uint8Array): Pem => (typeof value === 'string' ? value : Buffer.from(value));
const pems = (value: string | Uint8Array | readonly (string | Uint8Array)[]): Pem[] =>
  typeof value === 'string' || value instanceof Uint8Array ? [pem(value)] : value.map(pem);

function material({ ca, cert, key, passphrase }: GrpcTlsOptions): Record<string, unknown> {
  return {
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['h2'],
    ...(ca === undefined ? {} : { ca: pems(ca) }),
    ...(cert === undefined ? {} : { cert: pem(cert) }),
    ...(key === undefined ? {} : { key: pem(key) }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}

/** TLS options of a dialling side. */
export function clientTls(tls: GrpcTlsOptions = {}): SecureClientSessionOptions {
  return {
    ...material(tls),
    rejectUnauthorized: true,
    ...(tls.servername === undefined ? {} : { servername: tls.servername }),
  };
}

/** TLS options of a listener. @throws AgentwireError `ERR_INVALID_ARGUMENT` without a certificate. */
export function serverTls(tls: GrpcTlsOptions | undefined, handshakeTimeoutMs: number): SecureServerOptions {
  if (tls?.cert === undefined || tls.key === undefined) {
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      'listening on grpcs: needs the options tls.key and tls.cert of its transport: createGrpcTransport({ tls: { key, cert } }), or transports: stockTransports({ tls: { key, cert } }) with the package agentwire',
    );
  }
  const required = tls.requireClientCertificate ?? false;
  return {
    ...material(tls),
    allowHTTP1: false,
    handshakeTimeout: handshakeTimeoutMs,
    requestCert: required || tls.ca !== undefined,
    rejectUnauthorized: required,
  };
}
