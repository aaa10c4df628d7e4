import { AgentwireError, type Logger } from '@agentwire/core';
import {
  chosenLogger,
  countRepeats,
  type Resolved,
  resolveOptions,
  SafeRecorder,
  SafeTracer,
  silentLogger,
} from '@agentwire/core/internal';
import type { ResolvedPipelineOptions } from '@agentwire/pipeline';
import { checkSettingsNames, settingsOf, stepsOf } from '@agentwire/pipeline/internal';
import { guarded } from '../guarded.ts';
import { GatewayMetrics } from '../observe/gateway-metrics.ts';
import { TrustedProxies } from '../request/trusted-proxies.ts';
import { parseUpstream } from '../upstream/upstream-address.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { GATEWAY_ROWS, isUpstreamName } from './gateway-rows.ts';
import { HTTP2_OPTIONS, type ResolvedHttp2Options } from './http2-options.ts';

type Unset = 'decisionTimeoutMs' | 'onRequestEnd' | 'onReplaced' | 'agentSettings' | 'metrics' | 'tracer';

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
  readonly onReplaced: GatewayOptions['onReplaced'];
  readonly metrics: GatewayMetrics | undefined;
  readonly tracer: SafeTracer | undefined;
  readonly logger: Logger;
}

const invalid = (message: string): AgentwireError => new AgentwireError('ERR_INVALID_ARGUMENT', message);

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
  } = resolveOptions('createGateway', options, GATEWAY_ROWS);
  checkReferences(options);
  const { clock } = rest;
  const { decisionTimeoutMs, onRequestEnd, onReplaced, maxBufferedBodyBytes, record } = options;
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
    onReplaced: onReplaced && guarded('onReplaced', logger, onReplaced),
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
