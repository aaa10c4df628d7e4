// An entry point of its own: it loads yaml (70 files), which a gateway without a file does not need.
import { POOL_FILE_ROWS, resolvePoolOptions } from '@agentwire/pool/internal';
import { checkHostName } from './admin-host.ts';
import { AGENT_TABLE, checkAgents, checkPipelines, checkSettings } from './config-agents.ts';
import { type ConfigContext, ConfigSource, type Fields, isObject, type KeyPlace } from './config-source.ts';
import { checkRoutes, checkUpstreamName, checkUpstreams, UPSTREAM_KEYS } from './config-upstreams.ts';
import { FILE_TABLE, type GatewayFile } from './gateway-file.ts';
import { checkGatewayOptions, GATEWAY_FILE_ROWS } from './options/gateway-rows.ts';
import { ROUTE_TABLE } from './routes/route-options.ts';

export type { AccessLogFile } from './access-log/access-log-file.ts';
export type { AgentEntry } from './config-agents.ts';
export type { GatewayFile, TlsFiles } from './gateway-file.ts';
export type { RecordFile } from './record/recording-options.ts';
export type { ConfigContext } from './config-source.ts';

const KEYS = Object.keys(FILE_TABLE);

/** Places of keys; a key that several of them have is more likely meant for the first. */
const PLACES: readonly KeyPlace[] = [
  { named: 'at the top level of the file', keys: KEYS },
  { named: 'under gateway', keys: Object.keys(GATEWAY_FILE_ROWS) },
  { named: 'under pool', keys: Object.keys(POOL_FILE_ROWS) },
  { named: 'to one of upstreams', keys: UPSTREAM_KEYS },
  { named: 'to one of routes', keys: Object.keys(ROUTE_TABLE) },
  { named: 'to one of agents', keys: Object.keys(AGENT_TABLE) },
];

/** Keys whose rows check them; the others are checked part by part, so that an error names its line. */
const SIMPLE = [
  'listen',
  'admin',
  'adminTokenFile',
  'reverseListen',
  'tokenFile',
  'workers',
  'https',
  'accessLog',
  'record',
  'h2c',
  'proxyProtocol',
  'tls',
  'transports',
] as const satisfies readonly (keyof GatewayFile)[];

function checkAddresses(source: ConfigSource, value: Fields): void {
  const { upstream, upstreams, adminHosts } = value;
  if (upstream !== undefined) source.attempt(() => checkUpstreamName(source, ['upstream'], upstream, upstreams));
  if (adminHosts === undefined) return;
  if (!Array.isArray(adminHosts)) throw source.invalid(['adminHosts'], 'adminHosts must be a list of names');
  for (const [at, host] of adminHosts.entries())
    source.attempt(() => source.check(['adminHosts', at], () => checkHostName('a name of adminHosts', host)));
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
    if (!known.includes(name)) continue;
    source.attempt(() => {
      if (value === null) throw source.invalid([key, name], `${name} has no value; leave it out for its default`);
      source.check([key, name], () => check({ [name]: value }));
    });
  }
}

/**
 * Parses a gateway's YAML file and checks everything in it.
 *
 * @param text its content
 * @param file its name, for errors
 * @param schemes schemes of the available transports; default any
 * @param context environment and files that it refers to; default those of the process
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming file, line, key and what is allowed there, for the first mistake; `detail.problems`
 * has the messages of up to 50
 */
export function parseGatewayFile(
  text: string,
  file: string,
  schemes?: readonly string[],
  context: ConfigContext = {},
): GatewayFile {
  const source = new ConfigSource(text, file, context, [], PLACES);
  const { value } = source;
  if (value === null || value === undefined) return {};
  if (!isObject(value)) throw source.invalid([], `a gateway file has the keys ${KEYS.join(', ')}`);
  source.checkKeys([], value, KEYS);
  for (const key of SIMPLE) {
    const row = FILE_TABLE[key];
    if (value[key] !== undefined)
      source.attempt(() => source.check([key], () => (typeof row === 'function' ? row : row.check)(key, value[key])));
  }
  source.attempt(() => checkAddresses(source, value));
  const { transports } = value;
  const served = Array.isArray(transports) && transports.length > 0 ? undefined : schemes;
  const names = source.attempt(() => checkAgents(source, value['agents'], served)) ?? [];
  source.attempt(() => checkOptions(source, 'pool', value['pool'], Object.keys(POOL_FILE_ROWS), resolvePoolOptions));
  source.attempt(() =>
    checkOptions(source, 'gateway', value['gateway'], Object.keys(GATEWAY_FILE_ROWS), checkGatewayOptions),
  );
  const upstreams =
    value['upstreams'] === undefined
      ? undefined
      : source.attempt(() => checkUpstreams(source, value['upstreams'], context));
  if (value['routes'] !== undefined) source.attempt(() => checkRoutes(source, value));
  // an agent with a mistake would be missing in them
  source.finish();
  if (value['pipeline'] !== undefined || value['routes'] !== undefined)
    source.attempt(() => checkPipelines(source, value, names));
  source.attempt(() => checkSettings(source, value, names));
  source.finish();
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
