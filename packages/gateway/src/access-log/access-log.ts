import type { Writable } from 'node:stream';
import { AgentwireError, type Clock, type Logger, systemClock } from '@agentwire/core';
import {
  atMost,
  checkLogger,
  countRepeats,
  OPTION,
  type OptionTable,
  resolveOptions,
  silentLogger,
} from '@agentwire/core/internal';
import type { RequestSummary } from '../options/gateway-options.ts';
import { accessFormat, type AccessLogFormat } from './access-format.ts';
import { lineFile } from './line-file.ts';
import { type LineSink, LineWriter } from './line-writer.ts';

/** Options of `openAccessLog`: `file`, or else `stream`. */
export interface AccessLogOptions {
  /** File to append to; it is created readable for its owner and group. */
  readonly file?: string | undefined;
  /** Stream to write to; it is not closed. */
  readonly stream?: Writable | NodeJS.WritableStream | undefined;
  /** `json` is one document per line; `combined` that of Apache with fields of the gateway after it. Default `json`. */
  readonly format?: AccessLogFormat | undefined;
  /** Logs queries of paths and of referers, which may contain tokens; default `false`. */
  readonly query?: boolean | undefined;
  /** `blocked` logs only requests that an agent blocked, redirected or challenged. Default `all`. */
  readonly requests?: 'all' | 'blocked' | undefined;
  /**
   * Lines that may wait for a slow destination, in bytes; default 1 MiB. Past it lines are dropped and counted; those of
   * blocked requests past twice of it.
   */
  readonly maxBufferBytes?: number | undefined;
  readonly clock?: Clock | undefined;
  /** Receiver of errors of the destination, and of the number of dropped lines. Default silent. */
  readonly logger?: Logger | undefined;
}

/** Log with a line for every request. */
export interface AccessLog extends AsyncDisposable {
  /** Logs a request; never throws and never waits. Give it to `createGateway` as `onRequestEnd`. */
  readonly log: (summary: RequestSummary) => void;
  /** Lines that were written, and that were dropped because the destination was too slow or failed. */
  readonly stats: { readonly written: number; readonly dropped: number };
  /** Opens the file again, after it was renamed by a log rotation. Where that fails, the former file stays in use. */
  reopen(): Promise<void>;
  /** Writes what waits, for at most 2 s, and closes the file. */
  close(): Promise<void>;
}

const TABLE: OptionTable<AccessLogOptions> = {
  file: OPTION.text,
  stream: OPTION.methods('write', 'on', 'off'),
  format: { check: OPTION.oneOf('json', 'combined'), default: 'json' },
  query: { check: OPTION.boolean, default: false },
  requests: { check: OPTION.oneOf('all', 'blocked'), default: 'all' },
  maxBufferBytes: { check: OPTION.integer(4_096, 1024 ** 3), default: 1024 ** 2 },
  clock: { check: OPTION.clock, default: systemClock },
  logger: { check: OPTION.logger, default: silentLogger },
};

/** Time that `close` gives to lines that wait, in milliseconds. */
const CLOSE_MS = 2_000;

const BLOCKED: ReadonlySet<RequestSummary['outcome']> = new Set(['blocked', 'redirected', 'challenged']);

function streamSink(stream: Writable | NodeJS.WritableStream): LineSink {
  // the callback of the write has the error too
  const ignore = (): void => undefined;
  stream.on('error', ignore);
  return {
    write: (lines) =>
      new Promise((resolve) => {
        stream.write(lines.join(''), (error?: Error | null) =>
          resolve(error ? { lines: 0, error } : { lines: lines.length }),
        );
      }),
    close: () => Promise.resolve(void stream.off('error', ignore)),
  };
}

/** Returns what opens the destination. @throws AgentwireError `ERR_INVALID_ARGUMENT` where there is none, or two */
function sinkOf(file: string | undefined, stream: AccessLogOptions['stream']): () => Promise<LineSink> {
  if (file !== undefined && stream === undefined) return () => lineFile(file, { mode: 0o640, pipeFlags: 'a' });
  if (stream !== undefined && file === undefined) return () => Promise.resolve(streamSink(stream));
  throw new AgentwireError('ERR_INVALID_ARGUMENT', 'an access log needs a file or a stream, and only one of them');
}

/**
 * Opens an access log.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option, and for a file that cannot be opened
 */
export async function openAccessLog(options: AccessLogOptions): Promise<AccessLog> {
  const resolved = resolveOptions('openAccessLog', options, TABLE);
  const { file, stream } = options;
  const sink = sinkOf(file, stream);
  const { clock, requests, maxBufferBytes } = resolved;
  const logger = countRepeats(checkLogger(resolved.logger), clock);
  const format = accessFormat(resolved.format, resolved.query);
  const writer = await openWriter(sink, clock, logger, file);
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await atMost(clock, CLOSE_MS, writer.end());
    await writer.close();
  };
  return {
    log: (summary) => {
      const blocked = BLOCKED.has(summary.outcome);
      if (blocked || requests === 'all') writer.push(format(summary), blocked ? 2 * maxBufferBytes : maxBufferBytes);
    },
    get stats() {
      return { written: writer.written, dropped: writer.dropped };
    },
    reopen: () => (file === undefined ? Promise.resolve() : writer.reopen()),
    close: () => (closed ??= close()),
    [Symbol.asyncDispose]: () => (closed ??= close()),
  };
}

async function openWriter(
  sink: () => Promise<LineSink>,
  clock: Clock,
  logger: Logger,
  file?: string,
): Promise<LineWriter> {
  try {
    return await LineWriter.open({
      clock,
      open: sink,
      onDropped: (lines) =>
        logger.warn({ file, lines }, 'lines of the access log were dropped: its destination is too slow'),
      onError: (error, what, lines) => {
        const { code, message } = error as NodeJS.ErrnoException;
        logger.error({ file, code, ...(lines > 0 && { lines }) }, `the access log could not ${what}: ${message}`);
      },
    });
  } catch (cause) {
    const message = `the access log cannot be opened: ${(cause as Error).message}`;
    throw new AgentwireError('ERR_INVALID_ARGUMENT', message, { cause });
  }
}
