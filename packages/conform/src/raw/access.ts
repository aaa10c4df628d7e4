import type { SecureContextOptions } from 'node:tls';

/** Certificates and token of the connections of a check. */
export interface Access {
  /** Own certificate and key, and certificate authorities for the peer. */
  readonly tls?: SecureContextOptions;
  /** Expected name in the certificate of a dialled peer; default its host. */
  readonly serverName?: string | undefined;
  /** Token that the agent requires. */
  readonly token?: string | undefined;
}

/** TLS options of the dialling side. */
export function clientTls({ tls = {}, serverName }: Access): SecureContextOptions & { servername?: string } {
  return { ...tls, ...(serverName !== undefined && { servername: serverName }) };
}

/** TLS options of the listening side; with `ca` a client certificate is required. */
export function serverTls({ tls = {} }: Access): SecureContextOptions & { requestCert: boolean } {
  return { ...tls, requestCert: tls.ca !== undefined };
}
