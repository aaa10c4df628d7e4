import { AgentwireError, parseEndpoint } from '@agentwire/core';
import type { AgentEntry, GatewayFile } from '@agentwire/gateway/config-file';
import { checkHostName, checkProxyProtocol, checkUpstream, parseHostPort } from '@agentwire/gateway/internal';
import type { TransportFlags } from '../load-transports.ts';
import type { TlsFlags } from '../tls-flags.ts';
import { UsageError } from '../usage-error.ts';

/** Flags of `agentwire gateway`. */
export interface GatewayFlags extends TlsFlags, TransportFlags {
  readonly config?: string;
  /** File, or `true` for that of `--config`. */
  readonly check?: string | true;
  readonly schema?: boolean;
  readonly watch?: boolean;
  readonly listen?: string;
  readonly workers?: string;
  readonly workerTimeoutMs?: string;
  readonly httpsCert?: string;
  readonly httpsKey?: string;
  readonly h2c?: boolean;
  readonly proxyProtocol?: string;
  readonly upstream?: string;
  readonly agent: string[];
  readonly reverseListen?: string;
  readonly tokenFile?: string;
  readonly admin?: string;
  readonly adminHost: string[];
  readonly accessLog?: string;
  readonly accessLogFormat?: string;
  readonly record?: string;
  readonly otlp?: string;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

/** Right use of the command, for messages about wrong use. */
export const GATEWAY_EXAMPLE =
  'agentwire gateway --listen 127.0.0.1:8080 --upstream http://127.0.0.1:3000 --agent waf=unix:/tmp/waf.sock';
export const FILE_EXAMPLE = 'agentwire gateway --config gateway.yaml';

/** Schemes of the stock transports. */
export const AGENT_SCHEMES: readonly string[] = ['unix', 'grpc', 'grpcs', 'grpc+unix', 'tcp', 'tls', 'ws', 'wss'];

/** Runs a check of what the user wrote: a wrong value there is wrong use, wherever it was written. @throws UsageError */
export function usage<T>(flag: string, example: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof AgentwireError && error.code.startsWith('ERR_INVALID_'))
      throw new UsageError(`${flag}${error.message}`, example, error.detail?.['problems'] as string[] | undefined);
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

/** Place of the admin server. */
export type AdminPlace = { readonly host: string; readonly port: number } | { readonly path: string };

/** Reads the address of the admin server: `HOST:PORT`, or `unix:PATH`. @throws UsageError */
export function adminPlace(text: string): AdminPlace {
  return text.startsWith('unix:') && text.length > 5 ? { path: text.slice(5) } : hostPort('--admin', text);
}

/** Reads the agents of `--agent`. @throws UsageError */
export function agentsOf(flags: GatewayFlags, hasOwnTransports: boolean): AgentEntry[] {
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
export function checkFlags({ upstream, adminHost, listen, admin }: GatewayFlags): void {
  if (upstream !== undefined) usage('--', GATEWAY_EXAMPLE, () => checkUpstream(upstream));
  for (const host of adminHost)
    usage('', `${GATEWAY_EXAMPLE} --admin-host agents.internal`, () => checkHostName('--admin-host', host));
  if (listen !== undefined) hostPort('--listen', listen);
  if (admin !== undefined) adminPlace(admin);
}

/** The certificate of the flags over those of the file. @throws UsageError */
export function httpsOf(
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

/** The load balancers of `--proxy-protocol` over those of the file. @throws UsageError */
export function proxyProtocolOf(
  { proxyProtocol: given }: GatewayFlags,
  file: GatewayFile,
): Pick<GatewayFile, 'proxyProtocol'> {
  if (given === undefined) return {};
  const before = typeof file.proxyProtocol === 'object' ? file.proxyProtocol : {};
  const { from: _, ...rest } = before;
  const proxyProtocol = given === 'any' ? { ...rest } : { ...rest, from: given.split(',').map((one) => one.trim()) };
  const example = `${GATEWAY_EXAMPLE} --proxy-protocol 10.0.0.0/8,192.0.2.7`;
  usage('--', example, () => checkProxyProtocol('proxy-protocol', proxyProtocol));
  return { proxyProtocol };
}

/** The flags of the access log over its settings in the file. @throws UsageError */
export function accessLogOf(
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
