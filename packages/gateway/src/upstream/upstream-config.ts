import { AgentwireError } from '@agentwire/core';
import {
  checkObject,
  described,
  OPTION,
  type OptionCheck,
  type OptionTable,
  tableSchema,
} from '@agentwire/core/internal';
import { parseUpstream } from './upstream-address.ts';

/** One server of an upstream. */
export interface UpstreamTarget {
  /** `http://HOST:PORT`, `https://HOST:PORT` or `unix:/PATH`. */
  readonly url: string;
  /** Share of the requests, 1 to 1 000; default 1. */
  readonly weight?: number | undefined;
}

/** Requests that ask whether a target is healthy. */
export interface HealthCheckOptions {
  /** Path and query that are requested with GET. */
  readonly path: string;
  /** `Host` of these requests; default the target's. */
  readonly host?: string | undefined;
  /** Time between two requests to one target, in milliseconds; default 10 000. */
  readonly intervalMs?: number | undefined;
  /** Time that one may take, in milliseconds; default 2 000. */
  readonly timeoutMs?: number | undefined;
  /** Successes in a row after which a target gets requests again; default 2. */
  readonly healthyAfter?: number | undefined;
  /** Failures in a row after which it gets none; default 3. */
  readonly unhealthyAfter?: number | undefined;
  /** Status of a healthy target; default any from 200 to 399. */
  readonly status?: number | undefined;
}

/** Treatment of targets whose requests fail. */
export interface EjectOptions {
  /** Failures in a row (no connection, connection lost, no response in time, 502, 503, 504) that eject a target; default 5. */
  readonly failures?: number | undefined;
  /** Time without requests after the first ejection, in milliseconds, longer by that for each further one; default 10 000. */
  readonly ejectMs?: number | undefined;
}

/** TLS towards an upstream. */
export interface UpstreamTls {
  /** Authorities, PEM; default those of Node.js. */
  readonly ca?: string | Uint8Array | undefined;
  /** Own certificate chain, PEM, together with `key`. */
  readonly cert?: string | Uint8Array | undefined;
  readonly key?: string | Uint8Array | undefined;
  /** Name for SNI that the certificate must have; default the target's host. */
  readonly serverName?: string | undefined;
  /** Checks the certificate; default `true`. */
  readonly verify?: boolean | undefined;
}

/** Protocol towards an upstream: see `protocol` of {@link UpstreamConfig}. */
export type UpstreamProtocol = 'http1' | 'http2' | 'auto';

/** Servers behind the gateway that answer the same requests. */
export interface UpstreamConfig {
  readonly targets: readonly (string | UpstreamTarget)[];
  /** Choice of a target; default `roundRobin`, in shares of their weights. */
  readonly balance?: 'roundRobin' | 'leastConnections' | 'consistentHash' | undefined;
  /** Key of `consistentHash`: `clientIp` (the default), `path`, or `header:NAME`. */
  readonly hashOn?: string | undefined;
  /** Default none. */
  readonly healthCheck?: HealthCheckOptions | undefined;
  /** Default `{}`; `false` ejects none. The last target is never ejected. */
  readonly eject?: EjectOptions | false | undefined;
  readonly tls?: UpstreamTls | undefined;
  /**
   * Protocol; default `http1`. `http2` speaks HTTP/2 to targets with `https:` as ALPN agrees, to others from the first byte (h2c): for
   * gRPC, and for many requests on few connections. `auto` takes of HTTP/2 and HTTP/1.1 what a target with `https:` selects.
   */
  readonly protocol?: UpstreamProtocol | undefined;
  /** Requests at a time on one connection of HTTP/2; default 100, at most 10 000, and never more than the target allows. */
  readonly maxStreamsPerConnection?: number | undefined;
  /**
   * Time without a byte on a connection of HTTP/2 with requests after which it is checked with a ping, in milliseconds; default none: a
   * connection is checked when a request on it times out. It ends when no answer comes within `connectTimeoutMs`. gRPC servers may end
   * connections with frequent pings: set no less than 300 000 for those.
   */
  readonly pingIntervalMs?: number | undefined;
  /**
   * Time between two look-ups of each target's name, in milliseconds: every address is a target of its own then. Default none:
   * a name is looked up for each connection.
   */
  readonly resolveIntervalMs?: number | undefined;
  /** Looks up the IP addresses of a name, with `resolveIntervalMs`; default the system's resolver. Not in a file. */
  readonly lookup?: ((host: string) => Promise<readonly string[]>) | undefined;
  /**
   * Time that an idle connection is kept, in milliseconds, or shorter where a server's `keep-alive: timeout` is; default what the server
   * names there, else 4 000, of HTTP/2 60 000.
   */
  readonly keepAliveTimeoutMs?: number | undefined;
  /** Connections to each target; default the gateway's `upstreamConnections`. */
  readonly connections?: number | undefined;
  /** Time that connecting to a target may take, in milliseconds; default the gateway's `upstreamConnectTimeoutMs`. */
  readonly connectTimeoutMs?: number | undefined;
  /** Time that a request may wait for a connection, in milliseconds; default the gateway's `upstreamQueueTimeoutMs`. */
  readonly queueTimeoutMs?: number | undefined;
  /** Time from the request's last byte to the head of its response, in milliseconds; default the gateway's `upstreamTimeoutMs`. */
  readonly timeoutMs?: number | undefined;
  /** Time that a target may send nothing within a response, in milliseconds; default the gateway's `upstreamIdleTimeoutMs`. */
  readonly idleTimeoutMs?: number | undefined;
  /** Connections to one target for the requests of one client address; default the gateway's `maxUpstreamConnectionsPerClient`. */
  readonly maxConnectionsPerClient?: number | undefined;
}

const DAY_MS = 86_400_000;
const timeout = OPTION.integer(1, DAY_MS);

const PATH = /^\/[!-~]*$/;
const HASH_ON = /^(?:clientIp|path|header:[!#$%&'*+.^_`|~\w-]+)$/;

const HEALTH_CHECK: OptionTable<HealthCheckOptions> = {
  path: described(
    () => ({ type: 'string', pattern: PATH.source }),
    (name, value) => {
      if (typeof value !== 'string' || !PATH.test(value))
        throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be a path such as /healthz`);
    },
  ),
  host: OPTION.text,
  intervalMs: OPTION.integer(10, DAY_MS),
  timeoutMs: timeout,
  healthyAfter: OPTION.integer(1, 100),
  unhealthyAfter: OPTION.integer(1, 100),
  status: OPTION.integer(200, 599),
};

const EJECT: OptionTable<EjectOptions> = {
  failures: OPTION.integer(1, 10_000),
  ejectMs: OPTION.integer(1, DAY_MS),
};

const TLS: OptionTable<UpstreamTls> = {
  ca: OPTION.pem,
  cert: OPTION.pem,
  key: OPTION.pem,
  serverName: OPTION.text,
  verify: OPTION.boolean,
};

const TARGET: OptionTable<UpstreamTarget> = {
  url: described(
    () => ({ type: 'string', minLength: 1 }),
    (name, value) => void parseUpstream(value, name),
  ),
  weight: OPTION.integer(1, 1_000),
};

const checkTargets: OptionCheck = described(
  () => ({
    type: 'array',
    items: { anyOf: [{ type: 'string', minLength: 1 }, tableSchema(TARGET, ['url'])] },
    minItems: 1,
  }),
  (name, value) => {
    OPTION.listOf((at, target) =>
      typeof target === 'string' ? void parseUpstream(target, at) : checkTarget(at, target),
    )(name, value);
    if ((value as unknown[]).length > 0) return;
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must name at least one target`);
  },
);

const checkTarget: OptionCheck = (name, value) => {
  OPTION.nested(TARGET)(name, value);
  if ((value as Partial<UpstreamTarget>).url === undefined)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must have a url`);
};

const checkHashOn: OptionCheck = described(
  () => ({ type: 'string', pattern: HASH_ON.source }),
  (name, value) => {
    if (typeof value === 'string' && HASH_ON.test(value)) return;
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name} must be clientIp, path or header:NAME`);
  },
);

/** Rows of {@link UpstreamConfig}, in the order of the page. */
export const UPSTREAM_TABLE: OptionTable<UpstreamConfig> = {
  targets: checkTargets,
  balance: OPTION.oneOf('roundRobin', 'leastConnections', 'consistentHash'),
  hashOn: checkHashOn,
  healthCheck: OPTION.nested(HEALTH_CHECK, ['path']),
  eject: OPTION.falseOr(OPTION.nested(EJECT)),
  tls: OPTION.nested(TLS),
  protocol: OPTION.oneOf('http1', 'http2', 'auto'),
  maxStreamsPerConnection: OPTION.integer(1, 10_000),
  pingIntervalMs: timeout,
  resolveIntervalMs: OPTION.integer(10, DAY_MS),
  lookup: OPTION.function,
  keepAliveTimeoutMs: timeout,
  connections: OPTION.integer(1, 65_536),
  connectTimeoutMs: timeout,
  queueTimeoutMs: timeout,
  timeoutMs: timeout,
  idleTimeoutMs: timeout,
  maxConnectionsPerClient: OPTION.integer(1, 65_536),
};

/** Checks an upstream. @param name its place, for errors. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkUpstreamConfig(name: string, config: unknown): void {
  const value = checkObject(name, config as UpstreamConfig);
  OPTION.nested(UPSTREAM_TABLE)(name, value);
  const fail = (message: string): never => {
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${name}${message}`);
  };
  if (value.targets === undefined) fail('.targets is missing: it lists the servers of the upstream');
  if (value.hashOn !== undefined && value.balance !== 'consistentHash')
    fail('.hashOn has no effect without balance: consistentHash');
  const { protocol = 'http1', targets } = value;
  for (const key of ['maxStreamsPerConnection', 'pingIntervalMs'] as const)
    if (value[key] !== undefined && protocol === 'http1') fail(`.${key} has no effect without protocol: http2 or auto`);
  const plain = targets.map((target) => (typeof target === 'string' ? target : target.url));
  if (protocol === 'auto' && !plain.every((url) => /^https:/i.test(url)))
    fail('.protocol auto needs targets with https:, as TLS selects the protocol; it is http1 or http2 for others');
  if (value.lookup !== undefined && value.resolveIntervalMs === undefined)
    fail('.lookup has no effect without resolveIntervalMs');
  if (value.healthCheck !== undefined && value.healthCheck.path === undefined)
    fail('.healthCheck.path is missing: it is requested from each target');
  const { cert, key } = value.tls ?? {};
  if ((cert === undefined) !== (key === undefined)) fail('.tls needs cert and key together');
}
