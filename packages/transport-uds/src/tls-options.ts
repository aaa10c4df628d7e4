import { OPTION, type OptionTable } from '@agentwire/core/internal';

/** Keys and certificates for `tls://`; the texts are PEM. */
export interface TlsOptions {
  /** Private key of this side; a listener needs it. */
  readonly key?: string | Uint8Array | undefined;
  /** Certificate of this side, with its chain; a listener needs it. */
  readonly cert?: string | Uint8Array | undefined;
  /** Password of `key`, where it has one. */
  readonly passphrase?: string | undefined;
  /** Who may sign the other side's certificate; default the authorities that Node trusts. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /** Name that the listener's certificate must have; default the host that is dialled. */
  readonly serverName?: string | undefined;
  /** Listening: ask peers for a certificate and refuse those without a valid one (mTLS); default `false`. */
  readonly requireClientCertificate?: boolean | undefined;
}

/** The check of every option in {@link TlsOptions}. */
export const TLS_TABLE: OptionTable<TlsOptions> = {
  key: OPTION.pem,
  cert: OPTION.pem,
  passphrase: OPTION.secret,
  ca: OPTION.oneOrMore(OPTION.pem),
  serverName: OPTION.text,
  requireClientCertificate: OPTION.boolean,
};

type Material = string | Buffer;

function material(value: string | Uint8Array): Material {
  return typeof value === 'string' ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** What `node:tls` calls these things, with absent ones left out. */
export interface NodeTlsMaterial {
  readonly key?: Material;
  readonly cert?: Material;
  readonly passphrase?: string;
  readonly ca?: Material[];
}

/** Keys and certificates in the form that `node:tls` takes. */
export function nodeTlsMaterial(options: TlsOptions): NodeTlsMaterial {
  const { key, cert, passphrase, ca } = options;
  const authorities = ca === undefined || typeof ca === 'string' || ca instanceof Uint8Array ? [ca] : ca;
  return {
    ...(key === undefined ? undefined : { key: material(key) }),
    ...(cert === undefined ? undefined : { cert: material(cert) }),
    ...(passphrase === undefined ? undefined : { passphrase }),
    ...(ca === undefined ? undefined : { ca: authorities.filter((one) => one !== undefined).map(material) }),
  };
}
