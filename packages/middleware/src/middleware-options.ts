import { randomBytes } from 'node:crypto';
import { AgentwireError } from '@agentwire/core';
import { checkInteger, checkKnownOptions } from '@agentwire/core/internal';
import { type PipelineOptions, type ResolvedPipelineOptions, resolvePipelineOptions } from '@agentwire/pipeline';

/** Options of every middleware of this package. */
export interface MiddlewareOptions extends PipelineOptions {
  /**
   * Longest body that is held back for its agents, in bytes; default 1 MiB, at most 1 GiB. Past it a request is answered 413, a
   * response 502. Only bodies that an agent asks for are held back.
   */
  readonly maxBufferedBodyBytes?: number | undefined;
}

/** {@link MiddlewareOptions}, checked once for all requests. */
export interface ResolvedMiddlewareOptions {
  readonly pipeline: ResolvedPipelineOptions;
  readonly maxBufferedBodyBytes: number;
  /** Returns an id that no other request of the pool has. */
  nextId(): string;
}

const KEYS = ['pool', 'agents', 'agentSettings', 'decisionTimeoutMs', 'maxChunkBytes', 'clock', 'maxBufferedBodyBytes'];

/** Checks options and fills in defaults. @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option */
export function resolveMiddlewareOptions(what: string, options: MiddlewareOptions): ResolvedMiddlewareOptions {
  if (typeof options !== 'object' || options?.pool === undefined)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', `${what} needs a pool: ${what}({ pool, agents })`);
  checkKnownOptions(what, options, KEYS);
  const { maxBufferedBodyBytes: given, ...rest } = options;
  const maxBufferedBodyBytes = checkInteger('maxBufferedBodyBytes', given ?? 1024 ** 2, 0, 1024 ** 3);
  // unique among the processes of one agent, and after a restart
  const prefix = randomBytes(6).toString('hex');
  let count = 0;
  return {
    pipeline: resolvePipelineOptions(rest),
    maxBufferedBodyBytes,
    nextId: () => `${prefix}-${(count += 1)}`,
  };
}
