import { constants } from 'node:buffer';
import { AgentwireError, systemClock } from '@agentwire/core';
import {
  checkLogger,
  checkOneOf,
  countRepeats,
  OPTION,
  type OptionCheck,
  type OptionRows,
  type Resolved,
  resolveOptions,
  silentLogger,
} from '@agentwire/core/internal';
import { stepsOf } from '@agentwire/pipeline/internal';
import { guarded } from '../guarded.ts';
import type { GatewayOptions } from './gateway-options.ts';
import { HTTP2_OPTIONS, type ResolvedHttp2Options } from './http2-options.ts';

type Unset = 'decisionTimeoutMs' | 'onRequestEnd';

/** Options with every default filled in. */
export interface ResolvedGatewayOptions extends Resolved<
  Omit<GatewayOptions, Unset | 'agents' | 'upstream' | 'requestBody' | 'responseBody' | 'maxHeldBodyBytes' | 'http2'>
> {
  readonly upstream: URL;
  readonly steps: readonly (readonly string[])[];
  readonly decisionTimeoutMs: number | undefined;
  readonly requestBody: 'stream' | 'buffer';
  readonly responseBody: 'stream' | 'buffer';
  readonly http2: ResolvedHttp2Options;
  readonly onRequestEnd: GatewayOptions['onRequestEnd'];
}

const invalid = (message: string): AgentwireError => new AgentwireError('ERR_INVALID_ARGUMENT', message);

/** Checks the URL of an upstream. @throws AgentwireError `ERR_INVALID_ARGUMENT` */
export function checkUpstream(text: unknown): URL {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  const plain = url !== undefined && /^https?:$/.test(url.protocol) && url.pathname === '/';
  // credentials in it would be sent nowhere, and would appear in logs
  if (plain && url.search === '' && url.hash === '' && url.username === '' && url.password === '') return url;
  const shown = typeof text === 'string' ? JSON.stringify(text.replace(/\/\/[^/@]*@/, '//…@')) : typeof text;
  throw invalid(`upstream must be http://HOST:PORT or https://HOST:PORT, got ${shown}`);
}

const checkBodyMode: OptionCheck = (name, value) => {
  // the former spelling of buffer
  if (value !== 'hold') checkOneOf(name, value, ['stream', 'buffer']);
};

const DAY_MS = 86_400_000;
const timeout = OPTION.integer(1, DAY_MS);
const bufferedBytes = OPTION.integer(0, constants.MAX_LENGTH);

const ROWS: OptionRows<GatewayOptions> = {
  agents: { check: (_name, value) => void stepsOf(value), default: [] },
  decisionTimeoutMs: { check: timeout },
  requestBody: { check: checkBodyMode, default: 'stream' },
  responseBody: { check: checkBodyMode, default: 'stream' },
  maxRequestBodyBytes: { check: OPTION.integer(0, Number.MAX_SAFE_INTEGER), default: Infinity },
  maxBufferedBodyBytes: { check: bufferedBytes },
  maxHeldBodyBytes: { check: bufferedBytes, default: 100 * 1024 ** 2 },
  maxChunkBytes: { check: OPTION.integer(1, 16 * 1024 ** 2), default: 1024 ** 2 },
  trustForwarded: { check: OPTION.boolean, default: false },
  headersWithUnderscores: { check: OPTION.oneOf('drop', 'keep'), default: 'drop' },
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
  clock: { check: OPTION.clock, default: systemClock },
  logger: { check: OPTION.logger, default: silentLogger },
  upstream: { check: (_name, value) => void checkUpstream(value) },
  pool: { check: OPTION.methods('decide', 'decideFailure', 'handles', 'sendRequestComplete', 'cancelRequest') },
};

/** Options that are objects or functions of a program, and those that have a place of their own in a file. */
const NOT_IN_FILES = new Set(['pool', 'upstream', 'agents', 'onRequestEnd', 'clock', 'logger']);

/** Options that a file may have under `gateway`. */
export const GATEWAY_FILE_KEYS: readonly string[] = Object.keys(ROWS).filter((name) => !NOT_IN_FILES.has(name));

/** Checks options that a file has. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function checkGatewayOptions(options: Partial<GatewayOptions>): void {
  resolveOptions('createGateway', options as GatewayOptions, ROWS);
}

/** Checks options and fills in defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function resolveGatewayOptions(options: GatewayOptions): ResolvedGatewayOptions {
  const { agents, maxHeldBodyBytes, ...rest } = resolveOptions('createGateway', options, ROWS);
  const { clock } = rest;
  const { decisionTimeoutMs, onRequestEnd, maxBufferedBodyBytes } = options;
  // clients choose how many of their requests fail, and how often a line comes
  const logger = countRepeats(checkLogger(rest.logger), clock);
  return {
    ...rest,
    upstream: checkUpstream(options.upstream),
    steps: stepsOf(agents),
    requestBody: rest.requestBody === 'stream' ? 'stream' : 'buffer',
    responseBody: rest.responseBody === 'stream' ? 'stream' : 'buffer',
    http2: resolveOptions('http2', rest.http2, HTTP2_OPTIONS),
    maxBufferedBodyBytes: maxBufferedBodyBytes ?? maxHeldBodyBytes,
    decisionTimeoutMs,
    onRequestEnd: onRequestEnd && guarded('onRequestEnd', logger, onRequestEnd),
    logger,
  };
}

/** Returns the shortest timeout, in milliseconds. */
export function shortestTimeoutMs(options: ResolvedGatewayOptions): number {
  return Math.min(
    options.upstreamConnectTimeoutMs,
    options.upstreamQueueTimeoutMs,
    options.upstreamTimeoutMs,
    options.upstreamIdleTimeoutMs,
    options.clientStallTimeoutMs,
  );
}
