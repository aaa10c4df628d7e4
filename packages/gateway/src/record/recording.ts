import { AgentwireError } from '@agentwire/core';
import { atMost, checkLogger, countRepeats, resolveOptions } from '@agentwire/core/internal';
import type { AgentDirectory } from '@agentwire/pipeline';
import { type FileLength, lineFile } from '../access-log/line-file.ts';
import { LineWriter } from '../access-log/line-writer.ts';
import { Recorder } from './recorder.ts';
import { RECORDING, type RecordingOptions } from './recording-options.ts';

/** Recording of what agents are asked and decide; see docs/recording.md for its format. */
export interface Recording extends AsyncDisposable {
  /** Returns a pool whose decisions are recorded; `createGateway` does that with its option `record`. */
  around(pool: AgentDirectory): AgentDirectory;
  /** Lines that were written, and that were dropped because the disk was too slow or failed, or the file full. */
  readonly stats: { readonly written: number; readonly dropped: number; readonly full: boolean };
  /** Opens the file again, after it was renamed by a log rotation. Where that fails, the former file stays in use. */
  reopen(): Promise<void>;
  /** Writes what waits, for at most 2 s, and closes the file. */
  close(): Promise<void>;
}

/** Time that `close` gives to lines that wait, in milliseconds. */
const CLOSE_MS = 2_000;

/**
 * Opens a recording: one line for every request and agent, as JSON. Nothing of it blocks a request.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option, and for a file that cannot be opened
 */
export async function openRecording(options: RecordingOptions): Promise<Recording> {
  const resolved = resolveOptions('openRecording', options, RECORDING);
  const { file } = options;
  if (file === undefined) throw new AgentwireError('ERR_INVALID_ARGUMENT', 'openRecording needs a file');
  const { clock } = resolved;
  const logger = countRepeats(checkLogger(resolved.logger), clock);
  const length: FileLength = { bytes: 0 };
  let writer: LineWriter;
  try {
    writer = await LineWriter.open({
      clock,
      open: () => lineFile(file, { mode: 0o600, pipeFlags: 'a+', length }),
      onDropped: (lines) => logger.warn({ lines }, 'lines of the recording were dropped: its disk is too slow'),
      onError: (err, what, lines) =>
        logger.error({ err, ...(lines > 0 && { lines }) }, `the recording could not ${what}`),
    });
  } catch (cause) {
    const message = `the recording cannot be opened: ${(cause as Error).message}`;
    throw new AgentwireError('ERR_INVALID_ARGUMENT', message, { cause });
  }
  const recorder = new Recorder({ ...resolved, logger, length, writer });
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    recorder.flush();
    await atMost(clock, CLOSE_MS, writer.end());
    await writer.close();
  };
  return {
    around: (pool) => recorder.around(pool),
    get stats() {
      return { written: writer.written, dropped: writer.dropped + recorder.dropped, full: recorder.isFull };
    },
    reopen: async () => {
      await writer.reopen();
      recorder.reopened();
    },
    close: () => (closed ??= close()),
    [Symbol.asyncDispose]: () => (closed ??= close()),
  };
}
