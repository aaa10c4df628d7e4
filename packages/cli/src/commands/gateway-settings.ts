import { AgentwireError, type Logger, parseEndpoint } from '@agentwire/core';
import {
  type AgentEntry,
  type GatewayFile,
  parseGatewayFile,
  placeInGatewayFile,
} from '@agentwire/gateway/config-file';
import { checkHostName, checkUpstream, parseHostPort } from '@agentwire/gateway/internal';
import type { TransportFlags } from '../load-transports.ts';
import { readNamedFile } from '../read-named-file.ts';
import { checkTlsFlags, flagOf, type NameOfTls, type TlsFlags, tlsOf } from '../tls-flags.ts';
import { workerCount } from '../workers/worker-count.ts';
import { UsageError } from '../usage-error.ts';

/** Flags of `agentwire gateway`. */
export interface GatewayFlags extends TlsFlags, TransportFlags {
  readonly config?: string;
  readonly check?: string;
  readonly watch?: boolean;
  readonly listen?: string;
  readonly workers?: string;
  readonly httpsCert?: string;
  readonly httpsKey?: string;
  readonly h2c?: boolean;
  readonly upstream?: string;
  readonly agent: string[];
  readonly reverseListen?: string;
  readonly tokenFile?: string;
  readonly admin?: string;
  readonly adminHost: string[];
  readonly accessLog?: string;
  readonly accessLogFormat?: string;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

export const GATEWAY_EXAMPLE =
  'agentwire gateway --listen 127.0.0.1:8080 --upstream http://127.0.0.1:3000 --agent waf=unix:/tmp/waf.sock';
const FILE_EXAMPLE = 'agentwire gateway --config gateway.yaml';

/** Schemes of the stock transports. */
const AGENT_SCHEMES: readonly string[] = ['unix', 'grpc', 'grpcs', 'tcp', 'tls', 'ws', 'wss'];

/** Settings of a gateway: the file with the flags over it, checked. */
export interface GatewaySettings extends GatewayFile {
  readonly agents: readonly AgentEntry[];
  readonly tlsFlags: TlsFlags;
  /** Flag, or file, line and key, of a TLS setting. */
  readonly nameOfTls: NameOfTls;
  /** Flag, or file, line and key, of the token file. */
  readonly nameOfTokenFile: string;
  /** Flag, or file, line and key, of the transport module at this place. */
  readonly nameOfTransport: (at: number) => string;
  readonly nameOfAgentToken: (agent: string) => string;
}

type Path = readonly (string | number)[];

/** A configuration file, and the places of its keys. */
class ConfigFile {
  readonly #text: string;
  readonly #path: string;
  readonly value: GatewayFile;

  /** @throws UsageError naming file, line and key */
  constructor(path: string, schemes: readonly string[] | undefined) {
    this.#path = path;
    this.#text = readNamedFile('--config', path, FILE_EXAMPLE).toString('utf8');
    this.value = usage('', FILE_EXAMPLE, () => parseGatewayFile(this.#text, path, schemes));
  }

  place(path: Path): string {
    return placeInGatewayFile(this.#text, this.#path, path);
  }
}

/** Runs a check of what the user wrote: a wrong value there is wrong use, wherever it was written. @throws UsageError */
function usage<T>(flag: string, example: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof AgentwireError && error.code.startsWith('ERR_INVALID_'))
      throw new UsageError(`${flag}${error.message}`, example);
    throw error;
  }
}

/** Reads an address to bind. @throws UsageError */
export function hostPort(flag: string, text: string): { readonly host: string; readonly port: number } {
  const address = parseHostPort(text);
  if (address !== undefined) return address;
  const port = /:(\d+)$/.exec(text)?.[1];
  if (port !== undefined && Number(port) > 65_535)
    throw new UsageError(`${flag}: the port ${port} is too large, the largest is 65535`, GATEWAY_EXAMPLE);
  throw new UsageError(`${flag} takes HOST:PORT, got ${JSON.stringify(text)}`, GATEWAY_EXAMPLE);
}

function agentsOf(flags: GatewayFlags, hasOwnTransports: boolean): AgentEntry[] {
  const agents = flags.agent.map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageError(`--agent takes NAME=ENDPOINT, got ${JSON.stringify(pair)}`, GATEWAY_EXAMPLE);
    const endpoint = pair.slice(at + 1);
    const scheme =
      endpoint === 'reverse'
        ? undefined
        : usage(`--agent ${pair}: `, GATEWAY_EXAMPLE, () => parseEndpoint(endpoint).scheme);
    if (scheme !== undefined && !hasOwnTransports && !AGENT_SCHEMES.includes(scheme))
      throw new UsageError(
        `--agent ${pair}: no transport serves that scheme; there are transports for ${AGENT_SCHEMES.join(', ')}`,
        GATEWAY_EXAMPLE,
      );
    return { name: pair.slice(0, at), endpoint };
  });
  const twice = agents.find(({ name }, at) => agents.findIndex((other) => other.name === name) !== at);
  if (twice !== undefined) throw new UsageError(`--agent names ${JSON.stringify(twice.name)} twice`, GATEWAY_EXAMPLE);
  return agents;
}

/** Checks flags by value. Values of a file were checked with their lines. @throws UsageError */
function checkFlags({ upstream, adminHost, listen, admin }: GatewayFlags): void {
  if (upstream !== undefined) usage('--', GATEWAY_EXAMPLE, () => checkUpstream(upstream));
  for (const host of adminHost)
    usage('', `${GATEWAY_EXAMPLE} --admin-host agents.internal`, () => checkHostName('--admin-host', host));
  if (listen !== undefined) hostPort('--listen', listen);
  if (admin !== undefined) hostPort('--admin', admin);
}

const FILE_KEYS = { tlsCert: 'cert', tlsKey: 'key', tlsCa: 'ca', tlsServerName: 'serverName' } as const;

/** The certificate of the flags over those of the file. @throws UsageError */
function httpsOf(
  { httpsCert: cert, httpsKey: key, h2c }: GatewayFlags,
  file: GatewayFile,
): Pick<GatewayFile, 'https' | 'h2c'> {
  const example = 'agentwire gateway --listen 0.0.0.0:443 --https-cert site.pem --https-key site.key';
  if ((cert === undefined) !== (key === undefined))
    throw new UsageError('--https-cert and --https-key need each other', example);
  return {
    ...(cert !== undefined && key !== undefined && { https: { ...file.https, certificates: [{ cert, key }] } }),
    ...(h2c !== undefined && { h2c }),
  };
}

/** The flags of the access log over its settings in the file. @throws UsageError */
function accessLogOf(
  { accessLog, accessLogFormat: format }: GatewayFlags,
  file: GatewayFile,
): Pick<GatewayFile, 'accessLog'> {
  if (accessLog === undefined && format === undefined) return {};
  if (format !== undefined && format !== 'json' && format !== 'combined')
    throw new UsageError(
      `--access-log-format takes json or combined, got ${JSON.stringify(format)}`,
      `${GATEWAY_EXAMPLE} --access-log access.log --access-log-format combined`,
    );
  return {
    accessLog: {
      ...file.accessLog,
      ...(accessLog !== undefined && { file: accessLog }),
      ...(format !== undefined && { format }),
    },
  };
}

/** The TLS flags over the TLS settings of the file. */
function tlsSettings(flags: TlsFlags, { tls = {} }: GatewayFile): TlsFlags {
  const given = Object.entries(tlsOf(flags)).filter(([, value]) => value !== undefined);
  const { cert, key, ca, serverName } = tls;
  return { tlsCert: cert, tlsKey: key, tlsCa: ca, tlsServerName: serverName, ...Object.fromEntries(given) };
}

/** Refuses settings without an effect: the user relies on them. @throws UsageError */
function checkEffect(settings: GatewaySettings, nameOf: (flag: string, path: Path) => string): void {
  const { admin, adminHosts, agents, workers, reverseListen, tokenFile, tlsFlags, nameOfTls, nameOfTokenFile } =
    settings;
  if (admin === undefined && adminHosts !== undefined)
    throw new UsageError(
      `${nameOf('--admin-host', ['adminHosts'])} has no effect without an admin server: --admin (admin in a file)`,
      `${GATEWAY_EXAMPLE} --admin 127.0.0.1:9090`,
    );
  const waiting = agents.findIndex(({ endpoint }) => endpoint === 'reverse');
  if (reverseListen === undefined && waiting !== -1)
    throw new UsageError(
      `${nameOf(`--agent ${agents[waiting]?.name}=reverse`, ['agents', waiting])} needs --reverse-listen (reverseListen in a file), or it cannot register`,
      GATEWAY_EXAMPLE,
    );
  if (reverseListen === undefined && tokenFile !== undefined)
    throw new UsageError(
      `${nameOfTokenFile} is for agents that register, so it needs --reverse-listen (reverseListen in a file)`,
      GATEWAY_EXAMPLE,
    );
  const needless = agents.find((one) => one.endpoint === 'reverse' && one.tokenFile !== undefined)?.name;
  if (needless !== undefined)
    throw new UsageError(
      `${settings.nameOfAgentToken(needless)} has no effect: an agent that registers requires no token`,
      FILE_EXAMPLE,
    );
  if (reverseListen !== undefined && workers !== undefined)
    throw new UsageError(
      `${nameOf('--workers', ['workers'])} does not go with --reverse-listen: an agent's connections would be with some workers and not with others`,
      GATEWAY_EXAMPLE,
    );
  const dials = agents.flatMap(({ endpoint }) => (endpoint === 'reverse' ? [] : [endpoint]));
  const listens = reverseListen === undefined ? [] : [reverseListen];
  usage('', GATEWAY_EXAMPLE, () => checkTlsFlags(tlsFlags, { dials, listens }, GATEWAY_EXAMPLE, nameOfTls));
}

/** Reads the file and puts the flags over it. @throws UsageError for any wrong value, and for one without an effect */
export function gatewaySettings(flags: GatewayFlags, logger: Logger): GatewaySettings {
  checkFlags(flags);
  const config =
    flags.config === undefined
      ? undefined
      : new ConfigFile(flags.config, flags.transport.length > 0 ? undefined : AGENT_SCHEMES);
  const file = config?.value ?? {};
  const upstream = flags.upstream ?? file.upstream;
  if (upstream === undefined && file.routes === undefined)
    throw new UsageError('a gateway needs --upstream URL, or upstream: or routes: in its file', GATEWAY_EXAMPLE);
  const transports = [...(file.transports ?? []), ...flags.transport];
  const given = agentsOf(flags, transports.length > 0);
  const replaces = given.length > 0 && (file.agents !== undefined || file.pipeline !== undefined);
  if (replaces) logger.info({ file: flags.config }, '--agent replaces the agents and the pipeline of the file');
  const agents = given.length > 0 ? given : (file.agents ?? []);
  if (agents.length === 0) logger.warn({}, 'there are no agents: every request passes unasked');
  // a flag wins, so the file's key is named only when no flag was given
  const nameOf = (isGiven: boolean, flag: string, path: Path): string =>
    isGiven || config === undefined ? flag : config.place(path);
  const settings: GatewaySettings = {
    ...file,
    ...(upstream !== undefined && { upstream }),
    agents,
    transports,
    pipeline: (given.length > 0 ? undefined : file.pipeline) ?? agents.map(({ name }) => name),
    ...(flags.listen !== undefined && { listen: flags.listen }),
    ...(flags.workers !== undefined && { workers: workerCount(flags.workers, GATEWAY_EXAMPLE) }),
    ...httpsOf(flags, file),
    ...accessLogOf(flags, file),
    ...(flags.admin !== undefined && { admin: flags.admin }),
    ...(flags.adminHost.length > 0 && { adminHosts: flags.adminHost }),
    ...(flags.reverseListen !== undefined && { reverseListen: flags.reverseListen }),
    ...(flags.tokenFile !== undefined && { tokenFile: flags.tokenFile }),
    tlsFlags: tlsSettings(flags, file),
    nameOfTls: (key) => nameOf(flags[key] !== undefined, flagOf(key), ['tls', FILE_KEYS[key]]),
    nameOfTokenFile: nameOf(flags.tokenFile !== undefined, '--token-file', ['tokenFile']),
    nameOfTransport: (at) => nameOf(at >= (file.transports?.length ?? 0), '--transport', ['transports', at]),
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
