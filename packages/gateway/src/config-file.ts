// An entry point of its own: it loads yaml (70 files), which a gateway without a file does not need.
import { OPTION, type OptionTable } from '@agentwire/core/internal';
import type { AgentPoolOptions } from '@agentwire/pool';
import { POOL_FILE_KEYS, resolvePoolOptions } from '@agentwire/pool/internal';
import { ACCESS_LOG_FILE, type AccessLogFile } from './access-log/access-log-file.ts';
import { checkHostName } from './admin-host.ts';
import { type AgentEntry, checkAgents, checkPipelines, checkSettings } from './config-agents.ts';
import { type ConfigContext, ConfigSource, type Fields, isObject } from './config-source.ts';
import { checkRoutes, checkUpstreamName, checkUpstreams } from './config-upstreams.ts';
import { type ListenTls, parseHostPort, resolveListenTls } from './listen.ts';
import { RECORD_FILE, type RecordFile } from './record/recording-options.ts';
import type { GatewayOptions } from './options/gateway-options.ts';
import { checkProxyProtocol, type ProxyProtocolOptions } from './proxy-protocol/check-proxy-protocol.ts';
import type { RouteOptions } from './routes/route-options.ts';
import type { UpstreamConfig } from './upstream/upstream-config.ts';
import { checkGatewayOptions, GATEWAY_FILE_KEYS } from './options/resolve-options.ts';

export type { AccessLogFile } from './access-log/access-log-file.ts';
export type { AgentEntry } from './config-agents.ts';
export type { RecordFile } from './record/recording-options.ts';
export type { ConfigContext } from './config-source.ts';

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
  /** Processes that serve at `listen`, 1 to 256, or `auto` for one per core; default none: the process itself serves. */
  readonly workers?: number | 'auto';
  /** Serves HTTPS at `listen`: certificates and settings; default HTTP. */
  readonly https?: ListenTls;
  /** Serves HTTP/2 besides HTTP/1.1 without TLS; default `false`. */
  readonly h2c?: boolean;
  /** Takes the client's address from the PROXY protocol at `listen`; default `false`. */
  readonly proxyProtocol?: boolean | ProxyProtocolOptions;
  /** `HOST:PORT` or `unix:PATH` of the admin server; default none. */
  readonly admin?: string;
  /** Names that the `Host` of the admin server may have besides `localhost` and IP literals; default none. */
  readonly adminHosts?: readonly string[];
  /** File with the secret for `POST /-/reload` of the admin server; default none: that reload is there on a Unix socket alone. */
  readonly adminTokenFile?: string;
  /** Access log; default on stderr: every request where that is a terminal, else those that agents blocked. */
  readonly accessLog?: AccessLogFile;
  /** Recording of what agents are asked and decide; default none. */
  readonly record?: RecordFile;
  /** Further files, relative to this one, whose lists and objects are added to those of this file; default none. */
  readonly include?: string | readonly string[];
  /** Address, or name of one of `upstreams`. */
  readonly upstream?: string;
  /** Upstreams by name; default none. Their certificates and keys are read from the files that are named. */
  readonly upstreams?: Readonly<Record<string, UpstreamConfig>>;
  /** Default none: everything goes to `upstream`. */
  readonly routes?: readonly RouteOptions[];
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
  readonly gateway?: Omit<
    GatewayOptions,
    'pool' | 'upstream' | 'upstreams' | 'routes' | 'agents' | 'clock' | 'logger' | 'onRequestEnd' | 'record'
  >;
}

const KEYS = [
  'listen',
  'admin',
  'adminHosts',
  'https',
  'h2c',
  'proxyProtocol',
  'workers',
  'adminTokenFile',
  'accessLog',
  'record',
  'include',
  'upstream',
  'upstreams',
  'routes',
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
    if (key === 'admin' && typeof address === 'string' && /^unix:./.test(address)) continue;
    throw source.invalid([key], `${key} must be text of the form HOST:PORT, such as 127.0.0.1:8080`);
  }
  const { upstream, upstreams, adminHosts } = value;
  if (upstream !== undefined) checkUpstreamName(source, ['upstream'], upstream, upstreams);
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
 * @param context environment and files that it refers to; default those of the process
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming file, line, key and what is allowed there
 */
export function parseGatewayFile(
  text: string,
  file: string,
  schemes?: readonly string[],
  context: ConfigContext = {},
): GatewayFile {
  const source = new ConfigSource(text, file, context);
  const { value } = source;
  if (value === null || value === undefined) return {};
  if (!isObject(value)) throw source.invalid([], `a gateway file has the keys ${KEYS.join(', ')}`);
  source.checkKeys([], value, KEYS);
  checkAddresses(source, value);
  for (const key of ['adminTokenFile', 'reverseListen', 'tokenFile']) {
    const named = value[key];
    if (named !== undefined) source.check([key], () => OPTION.text(key, named));
  }
  const { tls, https, h2c, workers, accessLog, record } = value;
  if (workers !== undefined && workers !== 'auto')
    source.check(['workers'], () => OPTION.integer(1, 256)('workers (a number, or auto)', workers));
  if (https !== undefined) source.check(['https'], () => resolveListenTls(https as ListenTls, 'https'));
  if (accessLog !== undefined)
    source.check(['accessLog'], () => OPTION.nested(ACCESS_LOG_FILE)('accessLog', accessLog));
  if (record !== undefined) {
    source.check(['record'], () => OPTION.nested(RECORD_FILE)('record', record));
    if ((record as RecordFile).file === undefined) throw source.invalid(['record'], 'record needs a file');
  }
  if (h2c !== undefined) source.check(['h2c'], () => OPTION.boolean('h2c', h2c));
  const { proxyProtocol } = value;
  if (proxyProtocol !== undefined)
    source.check(['proxyProtocol'], () => checkProxyProtocol('proxyProtocol', proxyProtocol));
  if (tls !== undefined) source.check(['tls'], () => OPTION.nested(TLS_TABLE)('tls', tls));
  const { transports } = value;
  if (transports !== undefined)
    source.check(['transports'], () => OPTION.listOf(OPTION.text)('transports', transports));
  const served = Array.isArray(transports) && transports.length > 0 ? undefined : schemes;
  const names = checkAgents(source, value['agents'], served);
  checkOptions(source, 'pool', value['pool'], POOL_FILE_KEYS, resolvePoolOptions);
  checkOptions(source, 'gateway', value['gateway'], GATEWAY_FILE_KEYS, checkGatewayOptions);
  const upstreams = value['upstreams'] === undefined ? undefined : checkUpstreams(source, value['upstreams'], context);
  if (value['routes'] !== undefined) checkRoutes(source, value);
  if (value['pipeline'] !== undefined || value['routes'] !== undefined) checkPipelines(source, value, names);
  checkSettings(source, value, names);
  return { ...value, ...(upstreams !== undefined && { upstreams }) };
}

/**
 * Locates a key of a gateway's YAML file that was parsed before, for an error about it.
 *
 * @param path keys and indexes of lists, outermost first: `['agents', 0, 'tokenFile']`
 * @returns file, line and key: `gateway.yaml:7: agents[0].tokenFile`
 */
export function placeInGatewayFile(
  text: string,
  file: string,
  path: readonly (string | number)[],
  context: ConfigContext = {},
): string {
  return new ConfigSource(text, file, context).place(path);
}
