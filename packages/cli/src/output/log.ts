import type { Logger } from '@agentwire/core';
import { createLineLogger } from '@agentwire/core/internal';
import { line, type Terminal, tint, type Tone } from './terminal.ts';

const TONES: Readonly<Record<keyof Logger, Tone>> = { debug: 'quiet', info: 'quiet', warn: 'warn', error: 'bad' };

/** Log lines on stderr, with their times. @param verbose also `debug` and `info` @param json JSON instead of text @param info also `info` */
export function createConsoleLogger({ stderr }: Terminal, verbose = false, json = false, info = false): Logger {
  return createLineLogger((text) => line(stderr, text), {
    verbose,
    info,
    json,
    colour: (level, part, text) => tint(part === 'level' ? TONES[level] : 'quiet', text, stderr),
  });
}
