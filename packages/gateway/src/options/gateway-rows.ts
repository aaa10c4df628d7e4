import { constants } from 'node:buffer';
import { AgentwireError, systemClock } from '@agentwire/core';
import {
  checkObject,
  OPTION,
  type OptionCheck,
  type OptionRow,
  type OptionRows,
  resolveOptions,
  schemaOf,
} from '@agentwire/core/internal';
import { checkAgentOrder, checkAgentSettings } from '@agentwire/pipeline/internal';
import { checkTrust } from '../request/trusted-proxies.ts';
import { checkRoute, type RouteOptions } from '../routes/route-options.ts';
import { parseUpstream } from '../upstream/upstream-address.ts';
import { checkUpstreamConfig } from '../upstream/upstream-config.ts';
import { checkBodyMode } from './body-mode.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { HTTP2_OPTIONS } from './http2-options.ts';

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
      throw new AgentwireError(
        'ERR_INVALID_ARGUMENT',
        `${name} has the name ${JSON.stringify(key)}; names are 1 to 64 letters, digits, _ and -`,
      );
    checkUpstreamConfig(`${name}.${key}`, config);
  }
};

const checkRoutes: OptionCheck = OPTION.listOf((name, route) => checkRoute(name, route as RouteOptions));

const DAY_MS = 86_400_000;
const timeout = OPTION.integer(1, DAY_MS);
const bufferedBytes = OPTION.integer(0, constants.MAX_LENGTH);

/** Rows of {@link GatewayOptions}. */
export const GATEWAY_ROWS: OptionRows<GatewayOptions> = {
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
  onReplaced: { check: OPTION.function },
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
  Object.entries(GATEWAY_ROWS).filter(
    ([key, row]) => !ELSEWHERE.has(key) && schemaOf(row as OptionRow<unknown>) !== undefined,
  ),
);

/** Checks options that a file has. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function checkGatewayOptions(options: Partial<GatewayOptions>): void {
  resolveOptions('createGateway', options as GatewayOptions, GATEWAY_ROWS);
}
