import { jsonText } from './json-text.ts';
import { styleText } from 'node:util';

/** Colours by meaning. */
export type Tone = 'good' | 'bad' | 'warn' | 'quiet' | 'strong' | 'name';

const STYLES = { good: 'green', bad: 'red', warn: 'yellow', quiet: 'dim', strong: 'bold', name: 'cyan' } as const;

/** Output streams of a command: results to `stdout`, everything else to `stderr`. */
export interface Terminal {
  readonly stdout: NodeJS.WriteStream | NodeJS.WritableStream;
  readonly stderr: NodeJS.WriteStream | NodeJS.WritableStream;
}

/** The terminal of this process. */
export const processTerminal: Terminal = { stdout: process.stdout, stderr: process.stderr };

/** Colours `text` when `stream` is a terminal with colours; respects `NO_COLOR`. */
export function tint(tone: Tone, text: string, stream: Terminal['stdout'] = process.stdout): string {
  if (!('isTTY' in stream) || !stream.isTTY) return text;
  return styleText(STYLES[tone], text, { stream, validateStream: true });
}

/** Writes one line. */
export function line(stream: Terminal['stdout'], text = ''): void {
  stream.write(`${text}\n`);
}

/** Writes one JSON document on one line. */
export function jsonLine(stream: Terminal['stdout'], value: unknown): void {
  stream.write(`${jsonText(value)}\n`);
}

const leaving = new Set<() => Promise<unknown>>();

/** Runs `leave` before {@link endAfterLeaving} ends this process; gives the function that takes that back. */
export function beforeEnd(leave: () => Promise<unknown>): () => void {
  leaving.add(leave);
  return () => void leaving.delete(leave);
}

/** Ends this process once everything that a command has to leave is left. */
export async function endAfterLeaving(status: number): Promise<void> {
  await Promise.allSettled([...leaving].map((leave) => leave()));
  process.exit(status);
}

/** Status of a program that SIGPIPE ended, as a shell has it. */
const READER_ENDED = 141;
const outliving = new WeakSet<Terminal>();

/** Ends this process without a word when the reader of its output has ended (`agentwire call … | head -1`), or its output cannot be written. */
export function endWithReaders(terminal: Terminal): void {
  for (const stream of [terminal.stdout, terminal.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (outliving.has(terminal)) return;
      if (error.code === 'EPIPE') {
        void endAfterLeaving(READER_ENDED);
        return;
      }
      if (stream !== terminal.stderr) line(terminal.stderr, `error the output cannot be written (${error.code})`);
      void endAfterLeaving(1);
    });
}

/** Keeps a serving command alive after the reader of its output has ended (`agentwire gateway | head -1`): only lines are lost. */
export function outliveReaders(terminal: Terminal): void {
  outliving.add(terminal);
  for (const stream of [terminal.stdout, terminal.stderr]) stream.on('error', () => undefined);
}
