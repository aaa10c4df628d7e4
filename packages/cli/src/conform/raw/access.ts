import type { SecureContextOptions } from 'node:tls';
import { readNamedFile } from '../../read-named-file.ts';
import type { TlsFlags } from '../../tls-flags.ts';

/** What proves who is who on the connections of a check. */
export interface Access {
  /** Own certificate and key, and authorities for the other side. */
  readonly tls?: SecureContextOptions;
  /** Name that the certificate of a dialled side must have; default its host. */
  readonly serverName?: string | undefined;
  /** Secret that an agent asks for. */
  readonly token?: string | undefined;
}

/** Reads the files that the flags name. @throws UsageError */
export function accessOf({ tlsCert, tlsKey, tlsCa, tlsServerName }: TlsFlags, example: string): Access {
  const read = (flag: string, file: string | undefined): Buffer | undefined =>
    file === undefined ? undefined : readNamedFile(flag, file, example);
  return {
    tls: { cert: read('--tls-cert', tlsCert), key: read('--tls-key', tlsKey), ca: read('--tls-ca', tlsCa) },
    serverName: tlsServerName,
  };
}

/** Options of TLS for a side that dials. */
export function clientTls({ tls = {}, serverName }: Access): SecureContextOptions & { servername?: string } {
  return { ...tls, ...(serverName !== undefined && { servername: serverName }) };
}

/** Options of TLS for a side that listens: whoever names authorities wants to know who comes. */
export function serverTls({ tls = {} }: Access): SecureContextOptions & { requestCert: boolean } {
  return { ...tls, requestCert: tls.ca !== undefined };
}
