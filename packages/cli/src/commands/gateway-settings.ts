import type { AgentEntry, GatewayFile } from '@agentwire/gateway/config-file';
import { FILE_EXAMPLE, GATEWAY_EXAMPLE, usage } from './gateway-flags.ts';
import type { NamedFiles } from '../named-files.ts';
import { checkTlsFlags, type NameOfTls, type TlsFlags } from '../tls-flags.ts';
import { UsageError } from '../usage-error.ts';

/** Settings of a gateway: the file with the flags over it, checked. */
export interface GatewaySettings extends GatewayFile {
  readonly agents: readonly AgentEntry[];
  readonly tlsFlags: TlsFlags;
  /** Files of these settings that have been read, with their content. */
  readonly files: NamedFiles;
  /** Flag, or file, line and key, of a TLS setting. */
  readonly nameOfTls: NameOfTls;
  /** Flag, or file, line and key, of the token file. */
  readonly nameOfTokenFile: string;
  /** Flag, or file, line and key, of the transport module at this place. */
  readonly nameOfTransport: (at: number) => string;
  readonly nameOfAgentToken: (agent: string) => string;
  /** Flag, or file, line and key, of the setting at this path of the file. */
  readonly nameOf: (path: readonly (string | number)[]) => string;
}

/** Refuses settings without an effect: the user relies on them. @throws UsageError */
export function checkEffect(
  settings: GatewaySettings,
  nameOf: (flag: string, path: readonly (string | number)[]) => string,
): void {
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
