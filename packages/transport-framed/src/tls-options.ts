import { createSecureContext, type SecureContext } from 'node:tls';
import { OPTION, type OptionTable } from '@agentwire/core/internal';

/** Keys and certificates for `tls://`; the texts are PEM. */
export interface TlsOptions {
  /** Private key of this side; a listener needs it. */
  readonly key?: string | Uint8Array | undefined;
  /** Certificate of this side, with its chain; a listener needs it. */
  readonly cert?: string | Uint8Array | undefined;
  /** Password of `key`, if it is encrypted. */
  readonly passphrase?: string | undefined;
  /** Certificate authorities that the other side's certificate may be signed by; default those that Node trusts. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /** Name that the listener's certificate must have; default the host that is dialled. */
  readonly serverName?: string | undefined;
  /** For listening: ask peers for a certificate and refuse those without a valid one (mTLS); default `false`. */
  readonly requireClientCertificate?: boolean | undefined;
}

/** Checks of {@link TlsOptions}. */
export const TLS_TABLE: OptionTable<TlsOptions> = {
  key: OPTION.pem,
  cert: OPTION.pem,
  passphrase: OPTION.secret,
  ca: OPTION.oneOrMore(OPTION.pem),
  serverName: OPTION.text,
  requireClientCertificate: OPTION.boolean,
};

type Pem = string | Buffer;

function pem(value: string | Uint8Array): Pem {
  return typeof value === 'string' ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** {@link TlsOptions} in the form that `node:tls` takes, absent ones left out. */
interface NodeTlsOptions {
  readonly key?: Pem;
  readonly cert?: Pem;
  readonly passphrase?: string;
  readonly ca?: Pem[];
}

function nodeTlsOptions({ key, cert, passphrase, ca }: TlsOptions): NodeTlsOptions {
  const authorities = ca === undefined || typeof ca === 'string' || ca instanceof Uint8Array ? [ca] : ca;
  return {
    ...(key === undefined ? undefined : { key: pem(key) }),
    ...(cert === undefined ? undefined : { cert: pem(cert) }),
    ...(passphrase === undefined ? undefined : { passphrase }),
    ...(ca === undefined ? undefined : { ca: authorities.filter((one) => one !== undefined).map(pem) }),
  };
}

const contexts = new WeakMap<TlsOptions, SecureContext>();

/** Returns the context of these options, created once: one for each dial takes 45 KiB and 1 ms of processor time more. */
function clientContext(tls: TlsOptions): SecureContext {
  let context = contexts.get(tls);
  if (context === undefined) {
    context = createSecureContext(nodeTlsOptions(tls));
    contexts.set(tls, context);
  }
  return context;
}

/**
 * Options of `tls.connect` for dialling `host`.
 *
 * @throws Error of OpenSSL for a key or certificate that cannot be read
 */
export function clientTlsOptions(
  tls: TlsOptions,
  host: string,
): { readonly secureContext: SecureContext; readonly servername?: string } {
  const name = tls.serverName ?? host;
  // an IP address is no server name in TLS; the certificate is checked against it all the same
  return { secureContext: clientContext(tls), ...(/^[\d.]+$|:/.test(name) ? undefined : { servername: name }) };
}

// the listener's own deadline ends a slow TLS handshake; Node's must only come later
const NODE_HANDSHAKE_TIMEOUT_MS = 86_400_000;

/** Options of a TLS or HTTPS server. */
export function serverTlsOptions(tls: TlsOptions): NodeTlsOptions & TlsServerChecks {
  const verify = tls.requireClientCertificate === true;
  return {
    ...nodeTlsOptions(tls),
    requestCert: verify,
    rejectUnauthorized: verify,
    handshakeTimeout: NODE_HANDSHAKE_TIMEOUT_MS,
  };
}

interface TlsServerChecks {
  readonly requestCert: boolean;
  readonly rejectUnauthorized: boolean;
  readonly handshakeTimeout: number;
}
