import { AgentwireError, type Clock, type Logger, systemClock } from '@agentwire/core';
import {
  described,
  isValidHeaderName,
  OPTION,
  type OptionRows,
  type OptionTable,
  silentLogger,
} from '@agentwire/core/internal';

/** Recording in a gateway's YAML file. */
export interface RecordFile {
  /** File to append to, relative to the working directory; created readable for its owner only. */
  readonly file?: string | undefined;
  /**
   * Names of headers whose values are redacted too. Those of `authorization`, `cookie`, `set-cookie`, `proxy-authorization` and of
   * headers that carry API keys, tokens, sessions, signatures and the like always are. Default none.
   */
  readonly redact?: readonly string[] | undefined;
  /** Records queries and fragments of paths and of addresses in headers, which may contain tokens; default `false`. */
  readonly query?: boolean | undefined;
  /** Bytes that are recorded of each body; default 0, at most 16 MiB: no bodies. Chunks are recorded whole or not at all. */
  readonly maxBodyBytes?: number | undefined;
  /** Length of the file at which the recording ends until the file is opened again, in bytes; default 100 MiB. */
  readonly maxFileBytes?: number | undefined;
  /**
   * Memory for requests that are not over, and as much again for lines that wait for a slow disk, in bytes; default 8 MiB. Past the one
   * the oldest request is written as it is, past the other lines are dropped and counted.
   */
  readonly maxBufferBytes?: number | undefined;
}

/** Options of `openRecording`. */
export interface RecordingOptions extends RecordFile {
  readonly clock?: Clock | undefined;
  /** Receiver of errors of the file, and of the number of dropped lines. Default silent. */
  readonly logger?: Logger | undefined;
}

const headerName = described(
  () => ({ type: 'string', minLength: 1 }),
  (name, value) => {
    if (!isValidHeaderName(value))
      throw new AgentwireError(
        'ERR_INVALID_ARGUMENT',
        `${name} must be the name of a header, got ${JSON.stringify(value)}`,
      );
  },
);

const RECORD_ROWS: OptionRows<RecordFile> = {
  file: { check: OPTION.text },
  redact: { check: OPTION.listOf(headerName), default: [] },
  query: { check: OPTION.boolean, default: false },
  maxBodyBytes: { check: OPTION.integer(0, 16 * 1024 ** 2), default: 0 },
  maxFileBytes: { check: OPTION.integer(4_096, Number.MAX_SAFE_INTEGER), default: 100 * 1024 ** 2 },
  maxBufferBytes: { check: OPTION.integer(65_536, 1024 ** 3), default: 8 * 1024 ** 2 },
};

/** Rows of a {@link RecordFile}. */
export const RECORD_FILE: OptionTable<RecordFile> = RECORD_ROWS;

/** Rows of {@link RecordingOptions}. */
export const RECORDING: OptionRows<RecordingOptions> = {
  ...RECORD_ROWS,
  clock: { check: OPTION.clock, default: systemClock },
  logger: { check: OPTION.logger, default: silentLogger },
};
