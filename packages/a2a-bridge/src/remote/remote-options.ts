import { AgentwireError, type Clock, type Logger, systemClock } from '@agentwire/core';
import {
  OPTION,
  type OptionRows,
  type Resolved,
  resolveOptions,
  safeLogger,
  silentLogger,
} from '@agentwire/core/internal';
import type { Pid } from '@agentwire/a2a-router';

/** Options of `provideRemoteAgent`. */
export interface RemoteAgentOptions {
  /** Service of the router that the remote agent becomes. */
  readonly service: string;
  /** URL under which the agent card is found at its well-known path. */
  readonly url: string;
  /** Process that owns the service; its inbox becomes this agent's. Default: a new one, with scope `none`. */
  readonly pid?: Pid | undefined;
  /** Further origins that its agent card may name, as `https://host:port`. Default: only the origin of `url`. */
  readonly origins?: readonly string[] | undefined;
  /** Headers of every request, such as `authorization`; asked for each. Default: none. */
  readonly headers?: (() => Readonly<Record<string, string>>) | undefined;
  /** Messages that are asked at once, 1 to 10 000; others wait in the inbox. Default 32. */
  readonly concurrency?: number | undefined;
  /** Milliseconds for one answer, 1 to 86 400 000; the deadline of a message ends it earlier. Default 300 000. */
  readonly timeoutMs?: number | undefined;
  /** Milliseconds for a cancellation and for the agent card, 1 to 600 000. Default 5000. */
  readonly controlTimeoutMs?: number | undefined;
  /** Bytes of one response of the remote agent, 1024 to 1 GiB. Default 4 MiB. */
  readonly maxResponseBytes?: number | undefined;
  /** Questions of the remote agent whose answers are awaited, by trace id, 1 to 1 000 000; the oldest is dropped. Default 1000. */
  readonly maxQuestions?: number | undefined;
  /** Time. Default: the system clock. */
  readonly clock?: Clock | undefined;
  /** Told about failures. Default: silent. */
  readonly logger?: Logger | undefined;
}

/** {@link RemoteAgentOptions} with everything filled in. */
export type ResolvedRemoteOptions = Resolved<Omit<RemoteAgentOptions, 'pid'>> & Pick<RemoteAgentOptions, 'pid'>;

const ROWS: OptionRows<RemoteAgentOptions> = {
  service: { check: OPTION.text },
  url: { check: OPTION.text },
  pid: { check: OPTION.integer(1, Number.MAX_SAFE_INTEGER) },
  origins: { check: OPTION.listOf(OPTION.text), default: [] },
  headers: { check: OPTION.function, default: () => ({}) },
  concurrency: { check: OPTION.integer(1, 10_000), default: 32 },
  timeoutMs: { check: OPTION.integer(1, 86_400_000), default: 300_000 },
  controlTimeoutMs: { check: OPTION.integer(1, 600_000), default: 5000 },
  maxResponseBytes: { check: OPTION.integer(1024, 1024 * 1024 * 1024), default: 4 * 1024 * 1024 },
  maxQuestions: { check: OPTION.integer(1, 1_000_000), default: 1000 },
  clock: { check: OPTION.clock, default: systemClock },
  logger: { check: OPTION.logger, default: silentLogger },
};

/** Completes the options of a remote agent. @throws `ERR_INVALID_ARGUMENT` for what cannot be */
export function resolveRemoteOptions(options: RemoteAgentOptions): ResolvedRemoteOptions {
  const resolved = resolveOptions('a remote agent', options, ROWS);
  OPTION.text('service', options.service);
  OPTION.text('url', options.url);
  for (const url of [options.url, ...(options.origins ?? [])]) {
    if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
      throw new AgentwireError(
        'ERR_INVALID_ARGUMENT',
        `url and origins must be http or https URLs, got ${JSON.stringify(url)}`,
      );
  }
  return { ...resolved, pid: options.pid, logger: safeLogger(resolved.logger) };
}
