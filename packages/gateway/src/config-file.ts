// An entry point of its own: it loads yaml (70 files), which a gateway without a file does not need.
import { OPTION, type OptionTable } from '@agentwire/core/internal';
import type { AgentPoolOptions } from '@agentwire/pool';
import { POOL_FILE_KEYS, resolvePoolOptions } from '@agentwire/pool/internal';
import { checkHostName } from './admin-host.ts';
import { type AgentEntry, checkAgents, checkPipeline } from './config-agents.ts';
import { ConfigSource, type Fields, isObject } from './config-source.ts';
import { parseHostPort } from './listen.ts';
import type { GatewayOptions } from './options/gateway-options.ts';
import { checkGatewayOptions, checkUpstream, GATEWAY_FILE_KEYS } from './options/resolve-options.ts';

export type { AgentEntry } from './config-agents.ts';

/** Files with the keys and certificates of a gateway, PEM, for agents over TLS. */
export interface TlsFiles {
  /** Own certificate chain. */
  readonly cert?: string;
  /** Own private key. */
  readonly key?: string;
  /** Authorities for agents; where agents register, they then need a certificate of them. */
  readonly ca?: string;
  /** Name that the certificates of dialled agents must have; default the host of each. */
  readonly serverName?: string;
}

/** Content of a gateway's YAML file. */
export interface GatewayFile {
  /** `HOST:PORT`; default `127.0.0.1:8080`. */
  readonly listen?: string;
  /** `HOST:PORT` of the admin server; default none. */
  readonly admin?: string;
  /** Names that the `Host` of the admin server may have besides `localhost` and IP literals; default none. */
  readonly adminHosts?: readonly string[];
  readonly upstream?: string;
  readonly agents?: readonly AgentEntry[];
  /** Order in which agents are asked, each of them once; default that of `agents`. */
  readonly pipeline?: readonly (string | readonly string[])[];
  /** Keys and certificates towards agents; default none. */
  readonly tls?: TlsFiles;
  /** Modules of further transports: files, relative to the working directory, or packages; default none. */
  readonly transports?: readonly string[];
  /** Address at which agents may register: `unix:PATH`, `tcp://HOST:PORT`, `tls://HOST:PORT`; default none. */
  readonly reverseListen?: string;
  /** File with the token that agents must register with; default none. */
  readonly tokenFile?: string;
  readonly pool?: Omit<AgentPoolOptions, 'transports' | 'clock' | 'logger' | 'metrics'>;
  readonly gateway?: Omit<GatewayOptions, 'pool' | 'upstream' | 'agents' | 'clock' | 'logger' | 'onRequestEnd'>;
}

const KEYS = [
  'listen',
  'admin',
  'adminHosts',
  'upstream',
  'agents',
  'pipeline',
  'tls',
  'transports',
  'reverseListen',
  'tokenFile',
  'pool',
  'gateway',
];
const TLS_TABLE: OptionTable<TlsFiles> = {
  cert: OPTION.text,
  key: OPTION.text,
  ca: OPTION.text,
  serverName: OPTION.text,
};

function checkAddresses(source: ConfigSource, value: Fields): void {
  for (const key of ['listen', 'admin']) {
    const address = value[key];
    if (address === undefined || (typeof address === 'string' && parseHostPort(address) !== undefined)) continue;
    throw source.invalid([key], `${key} must be text of the form HOST:PORT, such as 127.0.0.1:8080`);
  }
  const { upstream, adminHosts } = value;
  if (upstream !== undefined) source.check(['upstream'], () => checkUpstream(upstream));
  if (adminHosts === undefined) return;
  if (!Array.isArray(adminHosts)) throw source.invalid(['adminHosts'], 'adminHosts must be a list of names');
  for (const [at, host] of adminHosts.entries())
    source.check(['adminHosts', at], () => checkHostName('a name of adminHosts', host));
}

/** Checks each option on its own, so that an error names its line. */
function checkOptions(
  source: ConfigSource,
  key: 'pool' | 'gateway',
  options: unknown,
  known: readonly string[],
  check: (option: Fields) => unknown,
): void {
  if (options === undefined) return;
  if (!isObject(options)) throw source.invalid([key], `${key} must be an object of options: ${known.join(', ')}`);
  source.checkKeys([key], options, known);
  for (const [name, value] of Object.entries(options)) {
    if (value === null) throw source.invalid([key, name], `${name} has no value; leave it out for its default`);
    source.check([key, name], () => check({ [name]: value }));
  }
}

/**
 * Parses a gateway's YAML file and checks everything in it.
 *
 * @param text its content
 * @param file its name, for errors
 * @param schemes schemes of the available transports; default any
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming file, line, key and what is allowed there
 */
export function parseGatewayFile(text: string, file: string, schemes?: readonly string[]): GatewayFile {
  const source = new ConfigSource(text, file);
  const { value } = source;
  if (value === null || value === undefined) return {};
  if (!isObject(value)) throw source.invalid([], `a gateway file has the keys ${KEYS.join(', ')}`);
  source.checkKeys([], value, KEYS);
  checkAddresses(source, value);
  for (const key of ['reverseListen', 'tokenFile']) {
    const named = value[key];
    if (named !== undefined) source.check([key], () => OPTION.text(key, named));
  }
  const { tls } = value;
  if (tls !== undefined) source.check(['tls'], () => OPTION.nested(TLS_TABLE)('tls', tls));
  const { transports } = value;
  if (transports !== undefined)
    source.check(['transports'], () => OPTION.listOf(OPTION.text)('transports', transports));
  const served = Array.isArray(transports) && transports.length > 0 ? undefined : schemes;
  const names = checkAgents(source, value['agents'], served);
  checkOptions(source, 'pool', value['pool'], POOL_FILE_KEYS, resolvePoolOptions);
  checkOptions(source, 'gateway', value['gateway'], GATEWAY_FILE_KEYS, checkGatewayOptions);
  if (value['pipeline'] !== undefined) checkPipeline(source, value['pipeline'], names);
  return value;
}

/**
 * Locates a key of a gateway's YAML file that was parsed before, for an error about it.
 *
 * @param path keys and indexes of lists, outermost first: `['agents', 0, 'tokenFile']`
 * @returns file, line and key: `gateway.yaml:7: agents[0].tokenFile`
 */
export function placeInGatewayFile(text: string, file: string, path: readonly (string | number)[]): string {
  return new ConfigSource(text, file).place(path);
}
