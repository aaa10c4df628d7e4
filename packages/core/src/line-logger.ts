import { AgentwireError } from './errors.ts';
import type { Logger, LogMethod } from './logger.ts';

/** Options of {@link createLineLogger}. */
export interface LineLoggerOptions {
  /** Writes `debug` and `info` too, and every stack; default `false`: warnings and errors. */
  readonly verbose?: boolean | undefined;
  /** Writes `info` too; default `false`. */
  readonly info?: boolean | undefined;
  /** Writes one JSON document per line; default `false`, text. */
  readonly json?: boolean | undefined;
  /** Colours the level and the fields of a line of text. */
  readonly colour?: ((level: keyof Logger, part: 'level' | 'fields', text: string) => string) | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const asText = (_name: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

/** Text of an error: its stack where that is needed to find it, which an error of agentwire does not need. */
function showError(error: Error, stacks: boolean): string {
  const { cause } = error;
  if (!stacks && error instanceof AgentwireError && !(cause instanceof Error)) return JSON.stringify(error.message);
  const stack = error.stack ?? error.message;
  return JSON.stringify(cause instanceof Error ? `${stack}\ncaused by ${cause.stack ?? cause.message}` : stack);
}

function showFields(fields: Fields, stacks: boolean): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      if (value instanceof Error) return `${name}=${showError(value, stacks)}`;
      return `${name}=${typeof value === 'string' ? value : JSON.stringify(value, asText)}`;
    })
    .join(' ');
}

function jsonOf(level: keyof Logger, fields: Fields, message: string): string {
  const plain = Object.entries(fields).map(([name, value]): [string, unknown] => {
    if (!(value instanceof Error)) return [name, value];
    const { name: kind, message: text, stack, cause } = value;
    const code = value instanceof AgentwireError ? value.code : undefined;
    return [name, { name: kind, code, message: text, stack, cause: cause instanceof Error ? cause.stack : undefined }];
  });
  return JSON.stringify({ time: new Date().toISOString(), level, message, ...Object.fromEntries(plain) }, asText);
}

/** Creates a logger that writes each event as one line with its time. @param write writes a line, without its end */
export function createLineLogger(write: (line: string) => void, options: LineLoggerOptions = {}): Logger {
  const { verbose = false, info = false, json = false, colour = (_level, _part, text) => text } = options;
  const method =
    (level: keyof Logger): LogMethod =>
    (fields, message) => {
      if (!verbose && (level === 'debug' || (level === 'info' && !info))) return;
      if (json) return write(jsonOf(level, fields, message));
      const shown = showFields(fields, verbose || level === 'error');
      const label = colour(level, 'level', level.padEnd(5));
      write(`${new Date().toISOString()} ${label} ${message} ${colour(level, 'fields', shown)}`.trimEnd());
    };
  return { debug: method('debug'), info: method('info'), warn: method('warn'), error: method('error') };
}

/** Logger that writes warnings and errors to stderr. */
export const stderrLogger: Logger = createLineLogger((line) => process.stderr.write(`${line}\n`));
