import { parseEndpoint } from '@agentwire/core';
import type { Command } from 'commander';
import { UsageError } from './usage-error.ts';

/** Files with keys and certificates, PEM, and the name to expect. */
export interface TlsFlags {
  readonly tlsCert?: string | undefined;
  readonly tlsKey?: string | undefined;
  readonly tlsCa?: string | undefined;
  readonly tlsServerName?: string | undefined;
}

const FLAGS: readonly (readonly [key: keyof TlsFlags, flag: string])[] = [
  ['tlsCert', '--tls-cert'],
  ['tlsKey', '--tls-key'],
  ['tlsCa', '--tls-ca'],
  ['tlsServerName', '--tls-server-name'],
];
/** Name of a setting in an error: its flag, or its place in a file. */
export type NameOfTls = (key: keyof TlsFlags) => string;

/** Flag of a setting. */
export const flagOf: NameOfTls = (key) => FLAGS.find(([known]) => known === key)?.[1] ?? key;

const SECURE: ReadonlySet<string> = new Set(['grpcs', 'tls', 'wss']);

/** Returns whether connections of an endpoint are encrypted. */
export const speaksTls = (endpoint: string): boolean => SECURE.has(parseEndpoint(endpoint).scheme);

/** Adds the flags for keys and certificates. @param listens whether the command may listen, so that a CA asks for certificates */
export function addTlsFlags(command: Command, listens: boolean): Command {
  const ca = listens ? '; where this command listens, it then requires a certificate of them' : '';
  return command
    .option('--tls-cert <file>', 'own certificate chain, PEM')
    .option('--tls-key <file>', 'own private key, PEM')
    .option('--tls-ca <file>', `authorities for the other side, PEM${ca}`)
    .option('--tls-server-name <name>', 'name that the certificate of a dialled side must have; default its host');
}

/** Checks that each flag does something and that none is missing. @throws UsageError */
export function checkTlsFlags(
  flags: TlsFlags,
  ends: { readonly dials?: readonly string[]; readonly listens?: readonly string[] },
  example: string,
  nameOf: NameOfTls = flagOf,
): void {
  const dials = (ends.dials ?? []).some(speaksTls);
  const listens = (ends.listens ?? []).find(speaksTls);
  const given = FLAGS.find(([key]) => flags[key] !== undefined)?.[0];
  if (given !== undefined && !dials && listens === undefined)
    throw new UsageError(`${nameOf(given)} has no effect: no endpoint speaks TLS (grpcs://, tls://, wss://)`, example);
  if ((flags.tlsCert === undefined) !== (flags.tlsKey === undefined))
    throw new UsageError(
      `${nameOf(flags.tlsCert === undefined ? 'tlsKey' : 'tlsCert')} is alone: a certificate and its key go together (--tls-cert and --tls-key; tls.cert and tls.key in a file)`,
      example,
    );
  if (flags.tlsServerName !== undefined && !dials)
    throw new UsageError(`${nameOf('tlsServerName')} has no effect: no endpoint is dialled over TLS`, example);
  if (listens !== undefined && flags.tlsCert === undefined)
    throw new UsageError(`listening on ${listens} needs --tls-cert and --tls-key`, example);
}

/** The TLS flags alone. */
export function tlsOf({ tlsCert, tlsKey, tlsCa, tlsServerName }: TlsFlags): TlsFlags {
  return { tlsCert, tlsKey, tlsCa, tlsServerName };
}
