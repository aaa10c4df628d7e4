import { AgentwireError, checkKnownOptions, OPTION, type OptionTable } from '@agentwire/core';
import type { AgentPoolOptions, FailurePolicy } from '@agentwire/pool';
import { parse } from 'yaml';
import type { GatewayOptions } from './options.ts';

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
  /** Order in which agents are asked; default that of `agents`. */
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

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function invalid(file: string, message: string): AgentwireError {
  return new AgentwireError('ERR_INVALID_ARGUMENT', `${file}: ${message}`);
}

function checkAgents(file: string, agents: unknown): void {
  if (!Array.isArray(agents)) throw invalid(file, 'agents must be a list of {name, endpoint}');
  for (const agent of agents as unknown[]) {
    if (!isObject(agent)) throw invalid(file, 'an agent must be {name, endpoint}');
    checkKnownOptions(`${file}: an agent`, agent, ['name', 'endpoint', 'onFailure', 'tokenFile']);
    if (agent['tokenFile'] !== undefined) OPTION.text(`${file}: tokenFile of an agent`, agent['tokenFile']);
    if (typeof agent['name'] !== 'string' || typeof agent['endpoint'] !== 'string')
      throw invalid(file, 'an agent needs a name and an endpoint');
  }
}

/**
 * Reads a gateway's YAML file.
 *
 * @param text what it holds
 * @param file its name, for errors
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the file and what is wrong in it
 */
export function parseGatewayFile(text: string, file: string): GatewayFile {
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0 });
  } catch (error) {
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${file} is not YAML: ${(error as Error).message}`, {
      cause: error,
    });
  }
  if (value === null || value === undefined) return {};
  if (!isObject(value)) throw invalid(file, `a gateway file holds ${KEYS.join(', ')}`);
  checkKnownOptions(file, value, KEYS);
  for (const key of ['listen', 'admin', 'upstream', 'reverseListen', 'tokenFile']) {
    if (value[key] !== undefined && typeof value[key] !== 'string') throw invalid(file, `${key} must be text`);
  }
  for (const key of ['pool', 'gateway']) {
    if (value[key] !== undefined && !isObject(value[key])) throw invalid(file, `${key} must hold options`);
  }
  if (value['tls'] !== undefined) OPTION.nested(TLS_TABLE)(`${file}: tls`, value['tls']);
  if (value['agents'] !== undefined) checkAgents(file, value['agents']);
  if (value['pipeline'] !== undefined && !Array.isArray(value['pipeline']))
    throw invalid(file, 'pipeline must be a list of names');
  return value;
}
