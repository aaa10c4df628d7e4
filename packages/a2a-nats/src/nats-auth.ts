import { AgentwireError } from '@agentwire/core';
import { checkKnownOptions } from '@agentwire/core/internal';
import { credsAuthenticator, nkeyAuthenticator } from '@nats-io/transport-node';
import type { NatsBackendOptions } from './backend-options.ts';

/** Credentials of a user of a NATS server, and the protection of the connection. One way to sign in at most. */
export interface NatsCredentials {
  /** Name of the user; its password goes with it. */
  readonly user?: string;
  /** Password of the user. */
  readonly password?: string;
  /** Token. */
  readonly token?: string;
  /** Seed of an nkey, as it stands in its file. */
  readonly nkey?: Uint8Array;
  /** Content of a `.creds` file: a JWT and the seed of its nkey. */
  readonly creds?: Uint8Array;
  /** Connects with TLS only: authorities, and an own certificate with its key, all PEM. An empty object trusts the system's authorities. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

const WAYS = ['user', 'token', 'nkey', 'creds'] as const;

/** Makes the option `auth` from credentials; throws `ERR_INVALID_ARGUMENT` for several ways to sign in at once, or half of one. */
export function createNatsAuth(credentials: NatsCredentials): NonNullable<NatsBackendOptions['auth']> {
  checkKnownOptions('NATS credentials', credentials, [...WAYS, 'password', 'tls']);
  const { user, password, token, nkey, creds, tls } = credentials;
  const ways = WAYS.filter((way) => credentials[way] !== undefined);
  if (ways.length > 1)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `one way to sign in is enough, not ${ways.join(' and ')}`);
  if ((user === undefined) !== (password === undefined))
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'user and password go together');
  if (tls !== undefined) {
    checkKnownOptions('NATS credentials tls', tls, ['ca', 'cert', 'key']);
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
