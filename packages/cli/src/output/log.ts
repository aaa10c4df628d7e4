import type { Logger } from '@agentwire/core';
import { createLineLogger } from '@agentwire/core/internal';
import { line, type Terminal, tint, type Tone } from './terminal.ts';

type Fields = Parameters<Logger['info']>[0];

const TONES: Readonly<Record<keyof Logger, Tone>> = { debug: 'quiet', info: 'quiet', warn: 'warn', error: 'bad' };

/** Returns a logger that adds fields to each line. */
function withFields(logger: Logger, own: Fields): Logger {
  const method =
    (level: keyof Logger): Logger['info'] =>
    (fields, message) =>
      logger[level]({ ...fields, ...own }, message);
  return { debug: method('debug'), info: method('info'), warn: method('warn'), error: method('error') };
}

/** Log lines on stderr, with their times. @param verbose also `debug` and `info` @param json JSON instead of text @param info also `info` @param own fields of every line */
export function createConsoleLogger(
  { stderr }: Terminal,
  verbose = false,
  json = false,
  info = false,
  own?: Fields,
): Logger {
  const logger = createLineLogger((text) => line(stderr, text), {
    verbose,
    info,
    json,
    multiline: 'isTTY' in stderr && stderr.isTTY,
    colour: (level, part, text) => tint(part === 'level' ? TONES[level] : 'quiet', text, stderr),
  });
  return own === undefined ? logger : withFields(logger, own);
}
