import { KnownTokens } from '@agentwire/reverse-listener/internal';
import type { GatewaySettings } from './commands/gateway-settings.ts';
import { moduleFile } from './load-transports.ts';
import { readToken } from './named-files.ts';
import { speaksTls } from './tls-flags.ts';
import { UsageError } from './usage-error.ts';

/** File that settings of a gateway name and that is read once, until a reload. */
interface ReadFile {
  /** Flag, or file, line and key, that names it. */
  readonly named: string;
  readonly path: string;
  /** Reason for which other content needs a restart; `undefined` where a reload applies it. */
  readonly fixedBy?: string | undefined;
}

/** Returns the files that settings name, but those that are written, and the certificates of `https`, which are read again by themselves. */
function filesOf(settings: GatewaySettings): readonly ReadFile[] {
  const { https, tlsFlags, nameOfTls, adminTokenFile, tokenFile, nameOfTokenFile, agents, reverseListen } = settings;
  const { nameOf, nameOfAgentToken, nameOfTransport, transports = [] } = settings;
  const listener =
    reverseListen !== undefined && speaksTls(reverseListen) ? 'the listener of agents uses it' : undefined;
  const optional = (named: () => string, path: string | undefined, fixedBy?: string): ReadFile[] =>
    path === undefined ? [] : [{ named: named(), path, fixedBy }];
  return [
    ...optional(() => nameOf(['https', 'clientCa']), https?.clientCa, 'the listener of clients uses it'),
    ...(['tlsCert', 'tlsKey', 'tlsCa'] as const).flatMap((key) =>
      optional(() => nameOfTls(key), tlsFlags[key], listener),
    ),
    ...optional(() => nameOf(['adminTokenFile']), adminTokenFile),
    ...optional(() => nameOfTokenFile, tokenFile),
    ...agents.flatMap(({ name, tokenFile: file }) => optional(() => nameOfAgentToken(name), file)),
    ...transports.flatMap((word, at) =>
      optional(() => nameOfTransport(at), moduleFile(word) ?? word, 'the module has been loaded'),
    ),
  ];
}

/** Secrets that others show to a gateway. */
export interface GatewaySecrets {
  /** That of `POST /-/reload`. */
  readonly admin: string | undefined;
  /** That of agents which register. */
  readonly registration: KnownTokens | undefined;
}

/**
 * Reads every file that settings of a gateway name, so that their content can be compared with that of the next reload.
 *
 * @throws UsageError for one that cannot be read, and for a secret that is none
 */
export function readGatewayFiles(settings: GatewaySettings, example: string): GatewaySecrets {
  const { files, adminTokenFile, tokenFile, nameOf, nameOfTokenFile } = settings;
  for (const { named, path } of filesOf(settings)) files.read(named, path, example);
  const secret = (named: () => string, path: string | undefined): string | undefined =>
    path === undefined ? undefined : readToken(named(), path, example, files.read);
  const token = secret(() => nameOfTokenFile, tokenFile);
  return {
    admin: secret(() => nameOf(['adminTokenFile']), adminTokenFile),
    registration: token === undefined ? undefined : new KnownTokens({ '*': token }),
  };
}

/** Refuses settings in which one of `keys` has changed. @throws UsageError naming the key */
export function refuseChanges(
  keys: readonly (keyof GatewaySettings)[],
  before: GatewaySettings,
  after: GatewaySettings,
  example: string,
): void {
  const changed = keys.find((key) => JSON.stringify(after[key]) !== JSON.stringify(before[key]));
  if (changed !== undefined)
    throw new UsageError(`${changed} has changed, which needs a restart; nothing was reloaded`, example);
}

/** Refuses settings with a file of other content that a reload cannot apply. @throws UsageError naming the key and the file */
export function refuseContents(before: GatewaySettings, after: GatewaySettings, example: string): void {
  for (const { named, path, fixedBy } of filesOf(before)) {
    if (fixedBy === undefined) continue;
    if (before.files.read(named, path, example).equals(after.files.read(named, path, example))) continue;
    throw new UsageError(
      `${named}: the content of ${path} has changed, which needs a restart (${fixedBy}); nothing was reloaded`,
      example,
    );
  }
}

/** Returns a text that differs where the keys and certificates towards `endpoint` do. */
export function tlsContentOf(
  { tlsFlags, files, nameOfTls }: GatewaySettings,
  endpoint: string,
  example: string,
): string {
  if (endpoint === 'reverse' || !speaksTls(endpoint)) return '';
  const keys = ['tlsCert', 'tlsKey', 'tlsCa'] as const;
  return keys
    .map((key) => {
      const path = tlsFlags[key];
      return path === undefined ? '' : files.read(nameOfTls(key), path, example).toString('latin1');
    })
    .join('\0');
}

/** Returns the agents that register by themselves: who may is decided at the start, and they keep their name. */
export function reverseOf({ agents }: GatewaySettings): string {
  return JSON.stringify(agents.filter(({ endpoint }) => endpoint === 'reverse'));
}
