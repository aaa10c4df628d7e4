import { constants } from 'node:buffer';
import { AgentwireError, type Logger, systemClock } from '@agentwire/core';
import {
  chosenLogger,
  checkObject,
  countRepeats,
  OPTION,
  type OptionCheck,
  type OptionRow,
  type OptionRows,
  type Resolved,
  resolveOptions,
  SafeRecorder,
  schemaOf,
  SafeTracer,
  silentLogger,
} from '@agentwire/core/internal';
import type { ResolvedPipelineOptions } from '@agentwire/pipeline';
import {
  checkAgentOrder,
  checkAgentSettings,
  checkSettingsNames,
  settingsOf,
  stepsOf,
} from '@agentwire/pipeline/internal';
import { guarded } from '../guarded.ts';
import { GatewayMetrics } from '../observe/gateway-metrics.ts';
import { checkTrust, TrustedProxies } from '../request/trusted-proxies.ts';
import { checkRoute, type RouteOptions } from '../routes/route-options.ts';
import { parseUpstream } from '../upstream/upstream-address.ts';
import { checkUpstreamConfig } from '../upstream/upstream-config.ts';
import { checkBodyMode } from './body-mode.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { HTTP2_OPTIONS, type ResolvedHttp2Options } from './http2-options.ts';

type Unset = 'decisionTimeoutMs' | 'onRequestEnd' | 'agentSettings' | 'metrics' | 'tracer';

/** Options with every default filled in. */
export interface ResolvedGatewayOptions extends Resolved<
  Omit<
    GatewayOptions,
    Unset | 'agents' | 'logger' | 'record' | 'upstream' | 'requestBody' | 'responseBody' | 'maxHeldBodyBytes' | 'http2'
  >
> {
  /** Address, or name of one of `upstreams`. */
  readonly upstream: string | undefined;
  readonly agentSettings: ResolvedPipelineOptions['agentSettings'];
  readonly steps: readonly (readonly string[])[];
  readonly decisionTimeoutMs: number | undefined;
  readonly requestBody: 'stream' | 'buffer';
  readonly responseBody: 'stream' | 'buffer';
  readonly http2: ResolvedHttp2Options;
  /** Proxies of `trustForwarded`; `undefined` where there are none. */
  readonly proxies: TrustedProxies | undefined;
  readonly onRequestEnd: GatewayOptions['onRequestEnd'];
  readonly metrics: GatewayMetrics | undefined;
  readonly tracer: SafeTracer | undefined;
  readonly logger: Logger;
}

const invalid = (message: string): AgentwireError => new AgentwireError('ERR_INVALID_ARGUMENT', message);

/** Checks the address of an upstream. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkUpstream(text: unknown): void {
  parseUpstream(text);
}

/** Returns whether a value may be the name of an upstream. */
export function isUpstreamName(value: unknown): value is string {
  return typeof value === 'string' && /^[\w-]{1,64}$/.test(value);
}

const checkUpstreams: OptionCheck = (name, value) => {
  for (const [key, config] of Object.entries(checkObject(name, value as object))) {
    if (!isUpstreamName(key))
      throw invalid(`${name} has the name ${JSON.stringify(key)}; names are 1 to 64 letters, digits, _ and -`);
    checkUpstreamConfig(`${name}.${key}`, config);
  }
};

const checkRoutes: OptionCheck = OPTION.listOf((name, route) => checkRoute(name, route as RouteOptions));

/** Checks that each name of an upstream is known, and that every request has one. */
function checkReferences({ upstream, upstreams = {}, routes = [], agents = [], agentSettings }: GatewayOptions): void {
  const own = stepsOf(agents).flat();
  const ofRoutes = routes.map(({ pipeline }) => (pipeline === undefined ? own : stepsOf(pipeline).flat()));
  checkSettingsNames('agentSettings', agentSettings, [...new Set([own, ofRoutes].flat(2))]);
  for (const [at, route] of routes.entries())
    checkSettingsNames(`routes[${at}].agentSettings`, route.agentSettings, ofRoutes[at] ?? own);

  const check = (name: string, one: unknown): void => {
    if (typeof one === 'string' && Object.hasOwn(upstreams, one)) return;
    const known = Object.keys(upstreams);
    if (isUpstreamName(one) && known.length > 0)
      throw invalid(`${name} is ${JSON.stringify(one)}, but upstreams has ${known.join(', ')}`);
    parseUpstream(one, name);
  };
  if (upstream !== undefined || routes.length === 0) check('upstream', upstream);
  for (const [at, route] of routes.entries()) {
    if (route.upstream !== undefined) check(`routes[${at}].upstream`, route.upstream);
    else if (upstream === undefined) throw invalid(`routes[${at}] needs an upstream, because the gateway has none`);
  }
}

const DAY_MS = 86_400_000;
const timeout = OPTION.integer(1, DAY_MS);
const bufferedBytes = OPTION.integer(0, constants.MAX_LENGTH);

const ROWS: OptionRows<GatewayOptions> = {
  agents: { check: checkAgentOrder, default: [] },
  agentSettings: { check: checkAgentSettings },
  upstreams: { check: checkUpstreams, default: {} },
  routes: { check: checkRoutes, default: [] },
  decisionTimeoutMs: { check: timeout },
  requestBody: { check: checkBodyMode, default: 'stream' },
  responseBody: { check: checkBodyMode, default: 'stream' },
  maxRequestBodyBytes: { check: OPTION.integer(0, Number.MAX_SAFE_INTEGER), default: Infinity },
  maxBufferedBodyBytes: { check: bufferedBytes },
  maxHeldBodyBytes: { check: bufferedBytes, default: 100 * 1024 ** 2 },
  maxChunkBytes: { check: OPTION.integer(1, 16 * 1024 ** 2), default: 1024 ** 2 },
  trustForwarded: { check: checkTrust, default: false },
  headersWithUnderscores: { check: OPTION.oneOf('drop', 'keep'), default: 'drop' },
  trailers: { check: OPTION.oneOf('none', 'grpc', 'response', 'both'), default: 'grpc' },
  allowTrace: { check: OPTION.boolean, default: false },
  logQuery: { check: OPTION.boolean, default: false },

  keepAliveTimeoutMs: { check: timeout, default: 65_000 },
  requestHeadTimeoutMs: { check: OPTION.integer(1, 300_000), default: 10_000 },
  maxHeadBytes: { check: OPTION.integer(1_024, 1024 ** 2), default: 16_384 },
  maxRequestLineBytes: { check: OPTION.integer(64, 1024 ** 2), default: 8_192 },
  maxHeaders: { check: OPTION.integer(1, 1_000), default: 100 },
  maxConnections: { check: OPTION.integer(1, 10_000_000), default: 10_000 },
  maxConcurrentRequests: { check: OPTION.integer(1, 1_000_000), default: 10_000 },
  maxPipelinedRequests: { check: OPTION.integer(1, 10_000), default: 16 },
  maxWebSockets: { check: OPTION.integer(0, 1_000_000), default: 5_000 },
  maxWebSocketMessageBytes: { check: OPTION.integer(1, 16 * 1024 ** 2), default: 1024 ** 2 },
  webSocketIdleTimeoutMs: { check: timeout, default: 300_000 },
  clientStallTimeoutMs: { check: timeout, default: 30_000 },
  minUploadBytesPerSecond: { check: OPTION.integer(0, 1024 ** 3), default: 240 },
  drainTimeoutMs: { check: OPTION.integer(0, DAY_MS), default: 30_000 },
  drainIdleMs: { check: OPTION.integer(1, 3_600_000), default: 1_000 },
  http2: { check: OPTION.nested(HTTP2_OPTIONS), default: {} },

  upstreamConnections: { check: OPTION.integer(1, 65_536), default: 128 },
  maxUpstreamConnectionsPerClient: { check: OPTION.integer(1, 65_536), default: Infinity },
  upstreamConnectTimeoutMs: { check: timeout, default: 5_000 },
  upstreamQueueTimeoutMs: { check: timeout, default: 5_000 },
  upstreamTimeoutMs: { check: timeout, default: 30_000 },
  upstreamIdleTimeoutMs: { check: timeout, default: 300_000 },

  onRequestEnd: { check: OPTION.function },
  record: { check: OPTION.methods('around') },
  metrics: { check: OPTION.methods('count', 'gauge', 'observe') },
  tracer: { check: OPTION.methods('startSpan') },
  clock: { check: OPTION.clock, default: systemClock },
  logger: { check: OPTION.loggerOrFalse },
  upstream: { check: (_name, value) => void (isUpstreamName(value) || parseUpstream(value)) },
  pool: { check: OPTION.methods('decide', 'decideFailure', 'handles', 'sendRequestComplete', 'cancelRequest') },
};

/** Options that have a place of their own in a file. */
const ELSEWHERE: ReadonlySet<string> = new Set(['upstream', 'upstreams', 'routes', 'agents']);

/** Options that a file may have under `gateway`: all others but objects and functions of a program. */
export const GATEWAY_FILE_ROWS: Readonly<Record<string, OptionRow<unknown>>> = Object.fromEntries(
  Object.entries(ROWS).filter(([key, row]) => !ELSEWHERE.has(key) && schemaOf(row as OptionRow<unknown>) !== undefined),
);

/** Checks options that a file has. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function checkGatewayOptions(options: Partial<GatewayOptions>): void {
  resolveOptions('createGateway', options as GatewayOptions, ROWS);
}

/** Options of `listen`, which some look for here. */
const OF_LISTEN: readonly string[] = ['host', 'port', 'tls', 'h2c', 'proxyProtocol'];

function refuseListenOptions(options: GatewayOptions): void {
  const one = OF_LISTEN.find((name) => Object.hasOwn(options ?? {}, name));
  if (one !== undefined) throw invalid(`createGateway has no option "${one}": give it to listen({ ${one} })`);
}

/** Checks options and fills in defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function resolveGatewayOptions(options: GatewayOptions): ResolvedGatewayOptions {
  refuseListenOptions(options);
  const {
    agents,
    maxHeldBodyBytes,
    agentSettings,
    record: _,
    ...rest
  } = resolveOptions('createGateway', options, ROWS);
  checkReferences(options);
  const { clock } = rest;
  const { decisionTimeoutMs, onRequestEnd, maxBufferedBodyBytes, record } = options;
  // clients choose how many of their requests fail, and how often a line comes
  const logger = countRepeats(chosenLogger(options.logger, rest.pool.logger ?? silentLogger), clock);
  return {
    ...rest,
    pool: record === undefined ? rest.pool : record.around(rest.pool),
    upstream: options.upstream,
    agentSettings: settingsOf(agentSettings),
    steps: stepsOf(agents),
    requestBody: rest.requestBody === 'stream' ? 'stream' : 'buffer',
    responseBody: rest.responseBody === 'stream' ? 'stream' : 'buffer',
    proxies: TrustedProxies.of(rest.trustForwarded),
    http2: resolveOptions('http2', rest.http2, HTTP2_OPTIONS),
    maxBufferedBodyBytes: maxBufferedBodyBytes ?? maxHeldBodyBytes,
    decisionTimeoutMs,
    onRequestEnd: onRequestEnd && guarded('onRequestEnd', logger, onRequestEnd),
    metrics: options.metrics && new GatewayMetrics(new SafeRecorder(options.metrics, logger)),
    tracer: options.tracer && new SafeTracer(options.tracer, logger),
    logger,
  };
}

/** Returns the shortest timeout, in milliseconds. */
export function shortestTimeoutMs(options: ResolvedGatewayOptions): number {
  const ofUpstreams = Object.values(options.upstreams).flatMap(
    ({ connectTimeoutMs, queueTimeoutMs, timeoutMs, idleTimeoutMs }) => [
      connectTimeoutMs ?? Infinity,
      queueTimeoutMs ?? Infinity,
      timeoutMs ?? Infinity,
      idleTimeoutMs ?? Infinity,
    ],
  );
  return Math.min(
    ...ofUpstreams,
    options.upstreamConnectTimeoutMs,
    options.upstreamQueueTimeoutMs,
    options.upstreamTimeoutMs,
    options.upstreamIdleTimeoutMs,
    options.clientStallTimeoutMs,
    options.webSocketIdleTimeoutMs,
  );
}
