import type { Logger } from '@agentwire/core';
import type { LogMethod } from '@agentwire/core/internal';
import { line, type Terminal, tint, type Tone } from './terminal.ts';

const TONES: Readonly<Record<keyof Logger, Tone>> = { debug: 'quiet', info: 'quiet', warn: 'warn', error: 'bad' };

/** Text of the fields of a log line; an error by its message, with its stack at `debug`. */
function show(fields: Readonly<Record<string, unknown>>, verbose: boolean): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      if (value instanceof Error)
        return `${name}=${JSON.stringify((verbose ? value.stack : undefined) ?? value.message)}`;
      return `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`;
    })
    .join(' ');
}

/** Human-readable log lines on stderr. @param verbose also `debug` and `info` */
export function createConsoleLogger(terminal: Terminal, verbose = false): Logger {
  const method =
    (level: keyof Logger): LogMethod =>
    (fields, message) => {
      if (!verbose && (level === 'debug' || level === 'info')) return;
      const label = tint(TONES[level], level.padEnd(5), terminal.stderr);
      line(terminal.stderr, `${label} ${message} ${tint('quiet', show(fields, verbose), terminal.stderr)}`.trimEnd());
    };
  return { debug: method('debug'), info: method('info'), warn: method('warn'), error: method('error') };
}
