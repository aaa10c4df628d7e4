import { AgentwireError } from './errors.ts';
import { inOrder, isInOrder, type Logger, type LogMethod } from './logger.ts';

/** Options of {@link createLineLogger}. */
export interface LineLoggerOptions {
  /** Writes `debug` and `info` too, and every stack; default `false`: warnings and errors. */
  readonly verbose?: boolean | undefined;
  /** Writes `info` too; default `false`. */
  readonly info?: boolean | undefined;
  /** Writes one JSON document per line; default `false`, text. */
  readonly json?: boolean | undefined;
  /** Writes the stacks of a line of text on lines of their own, for people who read a terminal; default `false`: on the same line. */
  readonly multiline?: boolean | undefined;
  /** Colours the level and the fields of a line of text. */
  readonly colour?: ((level: keyof Logger, part: 'level' | 'fields', text: string) => string) | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

const asText = (_name: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

/** Returns whether an error is shown with its stack: all are where `stacks` is set, else those that it is needed to find. */
function needsStack(error: Error, stacks: boolean): boolean {
  return stacks || !(error instanceof AgentwireError) || error.cause instanceof Error;
}

function stackOf({ stack, message, cause }: Error): string {
  const own = stack ?? message;
  return cause instanceof Error ? `${own}\ncaused by ${cause.stack ?? cause.message}` : own;
}

function showFields(fields: Fields, withStack: (error: Error) => boolean): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      if (value instanceof Error) return `${name}=${JSON.stringify(withStack(value) ? stackOf(value) : value.message)}`;
      return `${name}=${typeof value === 'string' ? value : JSON.stringify(value, asText)}`;
    })
    .join(' ');
}

/** Lines of stacks below a line, indented; a control character that a terminal would obey is escaped. */
function stackLines(fields: Fields, withStack: (error: Error) => boolean): string {
  const errors = Object.values(fields).filter((value) => value instanceof Error && withStack(value)) as Error[];
  const lines = errors.flatMap((error) => stackOf(error).split('\n'));
  return lines.map((text) => `\n    ${JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"')}`).join('');
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
  const {
    verbose = false,
    info = false,
    json = false,
    multiline = false,
    colour = (_level, _part, text) => text,
  } = options;
  const method =
    (level: keyof Logger): LogMethod =>
    (fields, message) => {
      if (!verbose && (level === 'debug' || (level === 'info' && !info))) return;
      if (!isInOrder(fields, message)) [fields, message] = inOrder(fields, message);
      if (json) return write(jsonOf(level, fields, message));
      const withStack = (error: Error): boolean => needsStack(error, verbose || level === 'error');
      const shown = showFields(fields, multiline ? () => false : withStack);
      const below = multiline ? stackLines(fields, withStack) : '';
      const label = colour(level, 'level', level.padEnd(5));
      write(
        `${new Date().toISOString()} ${label} ${message} ${colour(level, 'fields', shown)}`.trimEnd() +
          (below && colour(level, 'fields', below)),
      );
    };
  return { debug: method('debug'), info: method('info'), warn: method('warn'), error: method('error') };
}

/** Logger that writes warnings and errors to stderr. */
export const stderrLogger: Logger = createLineLogger((line) => process.stderr.write(`${line}\n`));
