// An entry point of its own: it loads yaml (70 files), which a gateway without a file does not need.
import { AgentwireError, parseEndpoint } from '@agentwire/core';
import { OPTION, type OptionTable } from '@agentwire/core/internal';
import type { AgentPoolOptions, FailurePolicy } from '@agentwire/pool';
import { checkFailurePolicy, POOL_FILE_KEYS, resolvePoolOptions } from '@agentwire/pool/internal';
import { checkHostName } from './admin-host.ts';
import { checkPipeline } from './config-pipeline.ts';
import { type ConfigPath, ConfigSource } from './config-source.ts';
import { parseHostPort } from './listen.ts';
import type { GatewayOptions } from './options/gateway-options.ts';
import { checkGatewayOptions, checkUpstream, GATEWAY_FILE_KEYS } from './options/resolve-options.ts';

/** One agent of a gateway's file. */
export interface AgentEntry {
  readonly name: string;
  /** In the grammar of `parseEndpoint`; `reverse` waits for the agent to register. */
  readonly endpoint: string;
  /** What happens when it cannot decide; default `closed`. */
  readonly onFailure?: FailurePolicy;
  /** File with the secret that the agent asks its callers for; default none. */
  readonly tokenFile?: string;
}

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

/** What a gateway's YAML file may say. */
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
  /** Where agents may register: `unix:PATH`, `tcp://HOST:PORT`, `tls://HOST:PORT`; default nowhere. */
  readonly reverseListen?: string;
  /** File with the token that agents must register with; default none. */
  readonly tokenFile?: string;
  readonly pool?: Omit<AgentPoolOptions, 'transports' | 'clock' | 'logger' | 'metrics'>;
  readonly gateway?: Omit<GatewayOptions, 'pool' | 'upstream' | 'agents' | 'clock' | 'logger' | 'onRequestEnd'>;
}

type Fields = Readonly<Record<string, unknown>>;

const KEYS = [
  'listen',
  'admin',
  'adminHosts',
  'upstream',
  'agents',
  'pipeline',
  'tls',
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

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function checkEndpoint(endpoint: string, schemes: readonly string[] | undefined): void {
  const { scheme } = parseEndpoint(endpoint);
  if (schemes === undefined || schemes.includes(scheme)) return;
  throw new AgentwireError(
    'ERR_INVALID_ADDRESS',
    `no transport serves ${scheme}: (${JSON.stringify(endpoint)}); there are transports for ${schemes.join(', ')}`,
  );
}

function checkAgent(source: ConfigSource, path: ConfigPath, agent: unknown, schemes?: readonly string[]): string {
  if (!isObject(agent)) throw source.invalid(path, 'an agent must be {name, endpoint}');
  source.checkKeys(path, agent, ['name', 'endpoint', 'onFailure', 'tokenFile']);
  const { name, endpoint, onFailure, tokenFile } = agent;
  if (typeof name !== 'string' || name === '' || typeof endpoint !== 'string')
    throw source.invalid(path, 'an agent needs a name and an endpoint, both text');
  if (endpoint !== 'reverse') source.check([...path, 'endpoint'], () => checkEndpoint(endpoint, schemes));
  if (onFailure !== undefined)
    source.check([...path, 'onFailure'], () => checkFailurePolicy(onFailure as FailurePolicy));
  if (tokenFile !== undefined) source.check([...path, 'tokenFile'], () => OPTION.text('tokenFile', tokenFile));
  return name;
}

/** @returns the names of the agents */
function checkAgents(source: ConfigSource, agents: unknown, schemes?: readonly string[]): string[] {
  if (agents === undefined) return [];
  if (!Array.isArray(agents)) throw source.invalid(['agents'], 'agents must be a list of {name, endpoint}');
  const names = agents.map((agent: unknown, at) => checkAgent(source, ['agents', at], agent, schemes));
  const twice = names.findIndex((name, at) => names.indexOf(name) !== at);
  if (twice !== -1)
    throw source.invalid(['agents', twice, 'name'], `there are two agents ${JSON.stringify(names[twice])}`);
  return names;
}

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

/** Each option on its own, so that what is wrong is found where it stands. */
function checkOptions(
  source: ConfigSource,
  key: 'pool' | 'gateway',
  options: unknown,
  known: readonly string[],
  check: (option: Fields) => unknown,
): void {
  if (options === undefined) return;
  if (!isObject(options)) throw source.invalid([key], `${key} must hold options: ${known.join(', ')}`);
  source.checkKeys([key], options, known);
  for (const [name, value] of Object.entries(options)) {
    if (value === null) throw source.invalid([key, name], `${name} has no value; leave it out for its default`);
    source.check([key, name], () => check({ [name]: value }));
  }
}

/**
 * Reads a gateway's YAML file, and checks everything in it.
 *
 * @param text what it holds
 * @param file its name, for errors
 * @param schemes those of the transports that the agents are reached with; default any
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
  const names = checkAgents(source, value['agents'], schemes);
  checkOptions(source, 'pool', value['pool'], POOL_FILE_KEYS, resolvePoolOptions);
  checkOptions(source, 'gateway', value['gateway'], GATEWAY_FILE_KEYS, checkGatewayOptions);
  if (value['pipeline'] !== undefined) checkPipeline(source, value['pipeline'], names);
  return value;
}

/**
 * Finds a key in a gateway's YAML file that was parsed before, for an error about it.
 *
 * @param path keys and positions in lists, from the outside in: `['agents', 0, 'tokenFile']`
 * @returns file, line and key: `gateway.yaml:7: agents[0].tokenFile`
 */
export function placeInGatewayFile(text: string, file: string, path: readonly (string | number)[]): string {
  return new ConfigSource(text, file).place(path);
}
