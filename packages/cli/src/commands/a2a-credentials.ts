import type { NatsCredentials } from '@agentwire/a2a-nats';
import type { Command } from 'commander';
import { readNamedFile, readSecret } from '../named-files.ts';
import { UsageError } from '../usage-error.ts';

/** Flags with the credentials for a NATS server. */
export interface CredentialFlags {
  readonly user?: string;
  readonly passwordFile?: string;
  readonly creds?: string;
  readonly nkey?: string;
  readonly tokenFile?: string;
  readonly tls?: boolean;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** Reads the credentials of the flags; secrets are in files, because every user of a machine can read its command lines. */
export function readCredentials(flags: CredentialFlags, example: string): NatsCredentials {
  const { user, passwordFile, creds, nkey, tokenFile, tlsCa, tlsCert, tlsKey } = flags;
  const ways = Object.entries({ '--user': user, '--creds': creds, '--nkey': nkey, '--token-file': tokenFile });
  const used = ways.filter(([, value]) => value !== undefined).map(([flag]) => flag);
  if (used.length > 1) throw new UsageError(`one way to sign in is enough, not ${used.join(' and ')}`, example);
  if ((user === undefined) !== (passwordFile === undefined))
    throw new UsageError('--user and --password-file go together', example);
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new UsageError('--tls-cert and --tls-key go together', example);
  const pem = (flag: string, path: string): string => readNamedFile(flag, path, example).toString('utf8');
  const tls = {
    ...(tlsCa === undefined ? {} : { ca: pem('--tls-ca', tlsCa) }),
    ...(tlsCert === undefined ? {} : { cert: pem('--tls-cert', tlsCert) }),
    ...(tlsKey === undefined ? {} : { key: pem('--tls-key', tlsKey) }),
  };
  return {
    ...(user === undefined ? {} : { user }),
    ...(passwordFile === undefined ? {} : { password: readSecret('--password-file', passwordFile, example) }),
    ...(creds === undefined ? {} : { creds: readNamedFile('--creds', creds, example) }),
    ...(nkey === undefined ? {} : { nkey: readNamedFile('--nkey', nkey, example) }),
    ...(tokenFile === undefined ? {} : { token: readSecret('--token-file', tokenFile, example) }),
    ...(flags.tls === true || Object.keys(tls).length > 0 ? { tls } : {}),
  };
}

/** Server of a URL; what stands before it may be a password. */
export function placeOf(url: string): string {
  return url.slice(url.lastIndexOf('@') + 1);
}

/** Adds the flags of {@link CredentialFlags}. */
export function addCredentialFlags(command: Command): Command {
  return command
    .option('--user <name>', 'user to sign in as; see nodePermissions for what it must be allowed to')
    .option('--password-file <file>', 'file with the password of the user')
    .option('--creds <file>', 'file with a JWT and the seed of its nkey')
    .option('--nkey <file>', 'file with the seed of an nkey')
    .option('--token-file <file>', 'file with a token')
    .option('--tls', 'connect with TLS only')
    .option('--tls-ca <file>', 'authorities for the server, PEM')
    .option('--tls-cert <file>', 'own certificate chain, PEM')
    .option('--tls-key <file>', 'own private key, PEM');
}
