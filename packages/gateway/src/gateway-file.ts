import { AgentwireError } from '@agentwire/core';
import {
  described,
  OPTION,
  type OptionCheck,
  type OptionSchema,
  type OptionTable,
  tableSchema,
} from '@agentwire/core/internal';
import { checkAgentOrder } from '@agentwire/pipeline/internal';
import type { AgentPoolOptions } from '@agentwire/pool';
import { POOL_FILE_ROWS } from '@agentwire/pool/internal';
import { ACCESS_LOG_FILE, type AccessLogFile } from './access-log/access-log-file.ts';
import { checkHostName } from './admin-host.ts';
import { AGENT_TABLE, type AgentEntry } from './config-agents.ts';
import { routesSchema, upstreamsSchema } from './config-upstreams.ts';
import { LISTEN_TLS, type ListenTls, parseHostPort, resolveListenTls } from './listen.ts';
import type { GatewayOptions } from './options/gateway-options.ts';
import { checkProxyProtocol, type ProxyProtocolOptions } from './proxy-protocol/check-proxy-protocol.ts';
import { GATEWAY_FILE_ROWS } from './options/gateway-rows.ts';
import { RECORD_FILE, type RecordFile } from './record/recording-options.ts';
import type { RouteOptions } from './routes/route-options.ts';
import type { UpstreamConfig } from './upstream/upstream-config.ts';

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
  /** Address at which agents may register: `unix:PATH`, `tcp://HOST:PORT`, `tls://HOST:PORT`, `ws://HOST:PORT/PATH`, `wss://HOST:PORT/PATH`; default none. */
  readonly reverseListen?: string;
  /** File with the token that agents must register with; default none. */
  readonly tokenFile?: string;
  readonly pool?: Omit<AgentPoolOptions, 'transports' | 'clock' | 'logger' | 'metrics'>;
  readonly gateway?: Omit<
    GatewayOptions,
    | 'pool'
    | 'upstream'
    | 'upstreams'
    | 'routes'
    | 'agents'
    | 'clock'
    | 'logger'
    | 'onRequestEnd'
    | 'onReplaced'
    | 'record'
  >;
}

const TLS_FILES: OptionTable<TlsFiles> = {
  cert: OPTION.text,
  key: OPTION.text,
  ca: OPTION.text,
  serverName: OPTION.text,
};

const checkHostPort: OptionCheck = described(
  () => ({ type: 'string', pattern: String.raw`:\d{1,5}$` }),
  (name, value) => {
    if (typeof value === 'string' && parseHostPort(value) !== undefined) return;
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      `${name} must be text of the form HOST:PORT, such as 127.0.0.1:8080`,
    );
  },
);

const checkAdmin: OptionCheck = described(
  () => ({ type: 'string', pattern: String.raw`^unix:.|:\d{1,5}$` }),
  (name, value) => {
    if (typeof value !== 'string' || !/^unix:./.test(value)) checkHostPort(name, value);
  },
);

const checkWorkers: OptionCheck = described(
  () => ({ anyOf: [{ type: 'integer', minimum: 1, maximum: 256 }, { const: 'auto' }] }),
  (name, value) => {
    if (value !== 'auto') OPTION.integer(1, 256)(`${name} (a number, or auto)`, value);
  },
);

const checkHttps: OptionCheck = described(
  () => tableSchema(LISTEN_TLS, ['certificates']),
  (name, value) => void resolveListenTls(value as ListenTls, name),
);

const checkRecord: OptionCheck = described(
  () => tableSchema(RECORD_FILE, ['file']),
  (name, value) => {
    OPTION.nested(RECORD_FILE)(name, value);
    if ((value as RecordFile).file === undefined)
      throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} needs a file`);
  },
);

/** Row of a value that is checked part by part instead, so that an error names its line. */
const partByPart = (schema: () => OptionSchema): OptionCheck => described(schema, () => undefined);

/** Rows of a {@link GatewayFile}, in the order of the page. */
export const FILE_TABLE: OptionTable<GatewayFile> = {
  listen: { check: checkHostPort, default: '127.0.0.1:8080' },
  admin: checkAdmin,
  adminHosts: OPTION.listOf(described(() => ({ type: 'string', minLength: 1 }), checkHostName)),
  https: checkHttps,
  h2c: { check: OPTION.boolean, default: false },
  proxyProtocol: { check: checkProxyProtocol, default: false },
  workers: checkWorkers,
  adminTokenFile: OPTION.text,
  accessLog: OPTION.nested(ACCESS_LOG_FILE),
  record: checkRecord,
  include: OPTION.oneOrMore(OPTION.text),
  upstream: OPTION.text,
  upstreams: partByPart(upstreamsSchema),
  routes: partByPart(routesSchema),
  agents: OPTION.listOf(OPTION.nested(AGENT_TABLE, ['name', 'endpoint'])),
  pipeline: checkAgentOrder,
  tls: OPTION.nested(TLS_FILES),
  transports: OPTION.listOf(OPTION.text),
  reverseListen: OPTION.text,
  tokenFile: OPTION.text,
  pool: partByPart(() => tableSchema(POOL_FILE_ROWS)),
  gateway: partByPart(() => tableSchema(GATEWAY_FILE_ROWS)),
};
