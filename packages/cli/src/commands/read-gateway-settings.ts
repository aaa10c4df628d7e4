import type { Logger } from '@agentwire/core';
import { type GatewayFile, parseGatewayFile, placeInGatewayFile } from '@agentwire/gateway/config-file';
import { NamedFiles } from '../named-files.ts';
import { flagOf, type TlsFlags, tlsOf } from '../tls-flags.ts';
import { workerCount } from '../workers/worker-flags.ts';
import { UsageError } from '../usage-error.ts';
import {
  accessLogOf,
  AGENT_SCHEMES,
  agentsOf,
  checkFlags,
  FILE_EXAMPLE,
  GATEWAY_EXAMPLE,
  type GatewayFlags,
  httpsOf,
  proxyProtocolOf,
  usage,
} from './gateway-flags.ts';
import { checkEffect, type GatewaySettings } from './gateway-settings.ts';

type Path = readonly (string | number)[];

/** A configuration file, and the places of its keys. */
class ConfigFile {
  readonly #text: string;
  readonly #path: string;
  readonly #context: { readonly read: (path: string) => string };
  readonly value: GatewayFile;

  /** @throws UsageError naming file, line and key */
  constructor(flag: string, path: string, schemes: readonly string[] | undefined, files: NamedFiles) {
    this.#path = path;
    this.#text = files.read(flag, path, FILE_EXAMPLE).toString('utf8');
    // included files, and PEM files of upstreams
    this.#context = { read: (other) => files.bytes(other).toString('utf8') };
    this.value = usage('', FILE_EXAMPLE, () => parseGatewayFile(this.#text, path, schemes, this.#context));
  }

  place(path: Path): string {
    return placeInGatewayFile(this.#text, this.#path, path, this.#context);
  }
}

/** Flags that replace a key of the file. */
const FLAG_NAMES: Readonly<Record<string, string>> = {
  https: '--https-cert',
  upstream: '--upstream',
  agents: '--agent',
  admin: '--admin',
  reverseListen: '--reverse-listen',
  accessLog: '--access-log',
  record: '--record',
};

const FILE_KEYS = { tlsCert: 'cert', tlsKey: 'key', tlsCa: 'ca', tlsServerName: 'serverName' } as const;

/** The TLS flags over the TLS settings of the file. */
function tlsSettings(flags: TlsFlags, { tls = {} }: GatewayFile): TlsFlags {
  const given = Object.entries(tlsOf(flags)).filter(([, value]) => value !== undefined);
  const { cert, key, ca, serverName } = tls;
  return { tlsCert: cert, tlsKey: key, tlsCa: ca, tlsServerName: serverName, ...Object.fromEntries(given) };
}

/**
 * Reads the file and puts the flags over it.
 *
 * @param files that reads it, and all files that it names
 * @throws UsageError for any wrong value, and for one without an effect
 */
export function gatewaySettings(
  flags: GatewayFlags,
  logger: Logger,
  files: NamedFiles = new NamedFiles(),
): GatewaySettings {
  checkFlags(flags);
  const config =
    flags.config === undefined
      ? undefined
      : new ConfigFile(
          typeof flags.check === 'string' ? '--check' : '--config',
          flags.config,
          flags.transport.length > 0 ? undefined : AGENT_SCHEMES,
          files,
        );
  const file = config?.value ?? {};
  const upstream = flags.upstream ?? file.upstream;
  if (upstream === undefined && file.routes === undefined) {
    const place = flags.config === undefined ? '' : `${flags.config}: `;
    throw new UsageError(
      `${place}a gateway needs --upstream URL, or upstream: or routes: in its file`,
      GATEWAY_EXAMPLE,
    );
  }
  const transports = [...(file.transports ?? []), ...flags.transport];
  const given = agentsOf(flags, transports.length > 0);
  const replaces = given.length > 0 && (file.agents !== undefined || file.pipeline !== undefined);
  if (replaces) logger.info({ file: flags.config }, '--agent replaces the agents and the pipeline of the file');
  const agents = given.length > 0 ? given : (file.agents ?? []);
  if (agents.length === 0) logger.warn({}, 'there are no agents: every request passes unasked');
  // a flag wins, so the file's key is named only when no flag was given
  const nameOf = (isGiven: boolean, flag: string, path: Path): string =>
    isGiven || config === undefined ? flag : config.place(path);
  const replaced = new Set([
    ...['upstream', 'admin', 'reverseListen', 'accessLog', 'record'].filter((key) => Object.hasOwn(flags, key)),
    ...(flags.httpsCert === undefined ? [] : ['https']),
    ...(given.length > 0 ? ['agents'] : []),
  ]);
  const settings: GatewaySettings = {
    ...file,
    ...(upstream !== undefined && { upstream }),
    agents,
    transports,
    pipeline: (given.length > 0 ? undefined : file.pipeline) ?? agents.map(({ name }) => name),
    ...(flags.listen !== undefined && { listen: flags.listen }),
    ...(flags.workers !== undefined && { workers: workerCount(flags.workers, GATEWAY_EXAMPLE) }),
    ...httpsOf(flags, file),
    ...proxyProtocolOf(flags, file),
    ...accessLogOf(flags, file),
    ...(flags.record !== undefined && { record: { ...file.record, file: flags.record } }),
    ...(flags.admin !== undefined && { admin: flags.admin }),
    ...(flags.adminHost.length > 0 && { adminHosts: flags.adminHost }),
    ...(flags.reverseListen !== undefined && { reverseListen: flags.reverseListen }),
    ...(flags.tokenFile !== undefined && { tokenFile: flags.tokenFile }),
    tlsFlags: tlsSettings(flags, file),
    files,
    nameOfTls: (key) => nameOf(flags[key] !== undefined, flagOf(key), ['tls', FILE_KEYS[key]]),
    nameOfTokenFile: nameOf(flags.tokenFile !== undefined, '--token-file', ['tokenFile']),
    nameOfTransport: (at) => nameOf(at >= (file.transports?.length ?? 0), '--transport', ['transports', at]),
    nameOf: (path) => {
      const [key = ''] = path;
      return nameOf(replaced.has(String(key)), FLAG_NAMES[key] ?? path.join('.'), path);
    },
    nameOfAgentToken: (agent) => {
      const at = file.agents?.findIndex(({ name }) => name === agent) ?? -1;
      return nameOf(at === -1, `tokenFile of ${agent}`, ['agents', at, 'tokenFile']);
    },
  };
  checkEffect(settings, (flag, path) =>
    nameOf(path[0] === 'agents' ? given.length > 0 : flags.adminHost.length > 0, flag, path),
  );
  return settings;
}
