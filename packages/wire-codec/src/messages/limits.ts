import { checkKnownOptions, OPTION, type OptionRows, resolveTypes } from '@agentwire/core/internal';
import type { Dialect, MessageType } from '@agentwire/core';

import type { ReadLimits } from './parsed.ts';

/** Limits of one incoming message; {@link CODEC_LIMITS} has the defaults. */
export interface CodecLimits {
  /** Longest payload of headers and decisions in bytes, body mutations not counted; default 1 MiB. A longer one is malformed. */
  readonly maxHeaderBytes: number;
  /** Deepest nesting of a payload; default 32. */
  readonly maxDepth: number;
  /** Most values in a payload; default 10 000. */
  readonly maxNodes: number;
  /** Most values in a configuration or a metrics report; default 100 000. */
  readonly maxReportNodes: number;
  /** Messages in a row whose id cannot be read, after which the connection ends; default 16. */
  readonly maxUnreadable: number;
}

const ROWS: OptionRows<CodecLimits> = {
  maxHeaderBytes: { check: OPTION.integer(1024, 16 * 1024 * 1024), default: 1024 * 1024 },
  maxDepth: { check: OPTION.integer(8, 256), default: 32 },
  maxNodes: { check: OPTION.integer(100, 1_000_000), default: 10_000 },
  maxReportNodes: { check: OPTION.integer(100, 1_000_000), default: 100_000 },
  maxUnreadable: { check: OPTION.integer(1, 1_000_000), default: 16 },
};

/** Fills in the defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown key or a wrong value. */
export function resolveCodecLimits(limits: Partial<CodecLimits> = {}): CodecLimits {
  checkKnownOptions('limits', limits, Object.keys(ROWS));
  return resolveTypes('limits.', limits as CodecLimits, ROWS);
}

/** Default limits. */
export const CODEC_LIMITS: CodecLimits = Object.freeze(resolveCodecLimits());

const REPORTS: ReadonlySet<MessageType> = new Set<MessageType>(['configure', 'metricsReport']);
const NO_ID: ReadonlySet<MessageType> = new Set<MessageType>([
  'cancelAll',
  'ping',
  'pong',
  'drain',
  'shutdown',
  'healthStatus',
  'metricsReport',
  'configUpdateRequest',
  'configUpdateResponse',
]);

/** Tells whether messages of this type must have a request id. */
export const hasId = (type: MessageType): boolean => !NO_ID.has(type) && type !== 'flowControl' && type !== 'log';

/** Types whose whole payload is bounded by `maxHeaderBytes`. */
export const isHeaderMessage = (type: MessageType): boolean => type === 'requestHeaders' || type === 'responseHeaders';

function idPaths(type: MessageType, dialect: Dialect): readonly (readonly string[])[] {
  if (NO_ID.has(type)) return [];
  if (dialect === 'documented') return [['request_id']];
  if (type === 'answer') return [['audit', 'custom', 'correlation_id']];
  return type === 'requestHeaders' ? [['correlation_id'], ['metadata', 'correlation_id']] : [['correlation_id']];
}

/** Limits of a payload of this type, and the place of its id. */
export function readLimits(type: MessageType, dialect: Dialect, limits: CodecLimits): ReadLimits {
  const maxNodes = REPORTS.has(type) ? limits.maxReportNodes : limits.maxNodes;
  const doubled = dialect === 'zentinel' && type !== 'answer' ? 'correlation_id' : undefined;
  return { maxDepth: limits.maxDepth, maxNodes, idPaths: idPaths(type, dialect), doubled };
}
