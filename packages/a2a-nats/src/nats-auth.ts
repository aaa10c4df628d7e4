import { AgentwireError } from '@agentwire/core';
import { checkOptions, OPTION, type OptionTable } from '@agentwire/core/internal';
import { credsAuthenticator, nkeyAuthenticator } from '@nats-io/transport-node';
import type { NatsBackendOptions } from './backend-options.ts';

/** Credentials of a user of a NATS server, and the protection of the connection. One way to sign in at most. */
export interface NatsCredentials {
  /** Name of the user; its password goes with it. */
  readonly user?: string | undefined;
  /** Password of the user. */
  readonly password?: string | undefined;
  /** Token. */
  readonly token?: string | undefined;
  /** Seed of an nkey, as it stands in its file. */
  readonly nkey?: Uint8Array | undefined;
  /** Content of a `.creds` file: a JWT and the seed of its nkey. */
  readonly creds?: Uint8Array | undefined;
  /** Connects with TLS only: authorities, and an own certificate with its key, all PEM. An empty object trusts the system's authorities. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined;
}

const WAYS = ['user', 'token', 'nkey', 'creds'] as const;

const binary = (name: string, value: unknown): void => {
  if (!(value instanceof Uint8Array)) throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be a Uint8Array`);
};

const TABLE: OptionTable<NatsCredentials> = {
  user: OPTION.secret,
  password: OPTION.secret,
  token: OPTION.secret,
  nkey: binary,
  creds: binary,
  tls: OPTION.nested<NonNullable<NatsCredentials['tls']>>({ ca: OPTION.pem, cert: OPTION.pem, key: OPTION.pem }),
};

/** Makes the option `auth` from credentials; throws `ERR_INVALID_ARGUMENT` for several ways to sign in at once, or half of one. */
export function createNatsAuth(credentials: NatsCredentials): NonNullable<NatsBackendOptions['auth']> {
  checkOptions('NATS credentials', credentials, TABLE);
  const { user, password, token, nkey, creds, tls } = credentials;
  const ways = WAYS.filter((way) => credentials[way] !== undefined);
  if (ways.length > 1)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `one way to sign in is enough, not ${ways.join(' and ')}`);
  if ((user === undefined) !== (password === undefined))
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'user and password go together');
  if (tls !== undefined) {
    if ((tls.cert === undefined) !== (tls.key === undefined))
      throw new AgentwireError('ERR_INVALID_ARGUMENT', 'tls.cert and tls.key go together');
  }
  return {
    ...(user === undefined || password === undefined ? {} : { user, pass: password }),
    ...(token === undefined ? {} : { token }),
    ...(nkey === undefined ? {} : { authenticator: nkeyAuthenticator(trimmed(nkey)) }),
    ...(creds === undefined ? {} : { authenticator: credsAuthenticator(creds) }),
    ...(tls === undefined ? {} : { tls: { ...tls } }),
  };
}

/** A seed ends where its file has a line end. */
function trimmed(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(Buffer.from(Buffer.from(bytes).toString('latin1').trim(), 'latin1'));
}
