import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TlsOptions } from '@agentwire/transport-uds';

/** Returns the path of one of the files, such as `server.pem`. */
export const certificateFile = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const read = (name: string): string => readFileSync(certificateFile(name), 'utf8');

/** A certificate for 127.0.0.1 and localhost, with the authority that signed it. Made for these tests, trusted nowhere. */
export const certificates: TlsOptions = { key: read('server.key'), cert: read('server.pem'), ca: read('ca.pem') };

/** The certificate of a client, signed by the same authority. */
export const clientCertificates: TlsOptions = { key: read('client.key'), cert: read('client.pem'), ca: read('ca.pem') };
