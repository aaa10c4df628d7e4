import type { Logger } from '@agentwire/core';
import {
  countAllRepeats,
  countRepeats,
  createLineLogger,
  dropRepeats,
  everyLine,
  safeLogger,
} from '@agentwire/core/internal';
import { createManualClock, type ManualClock } from '@agentwire/core/testing';
import { expect, test } from 'vitest';

type Line = readonly [level: string, message: string, fields: Readonly<Record<string, unknown>>];

function written(): { lines: Line[]; logger: Logger } {
  const lines: Line[] = [];
  const level =
    (name: string): Logger['warn'] =>
    (fields, message) =>
      void lines.push([name, message, fields]);
  return { lines, logger: { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') } };
}

function counted(): { lines: Line[]; logger: Logger; clock: ManualClock } {
  const clock = createManualClock();
  const { lines, logger } = written();
  return { lines, logger: countRepeats(logger, clock), clock };
}

test('the first line is written at once, its repeats once every 10 s with their number', () => {
  const { lines, logger, clock } = counted();
  for (let i = 0; i < 1_000; i += 1) logger.warn({ connection: i, code: 'ERR_IO' }, 'broke');
  expect(lines).toEqual([['warn', 'broke', { connection: 0, code: 'ERR_IO' }]]);
  clock.advance(10_000);
  expect(lines.at(-1)).toEqual([
    'warn',
    'broke (999 times more in 10 s, the last 10 s ago)',
    { connection: 999, code: 'ERR_IO', repeats: 999 },
  ]);
  clock.advance(60_000);
  expect([lines.length, clock.pendingTimers]).toEqual([2, 0]);
  logger.warn({ code: 'ERR_IO' }, 'broke');
  expect(lines.length).toBe(3);
});

test('repeats of a state that is over are dropped: of that agent and those messages only, and later ones count again', () => {
  const { lines, logger, clock } = counted();
  for (let at = 0; at < 3; at += 1) {
    logger.warn({ agent: 'a' }, 'down: no answer');
    logger.warn({ agent: 'a' }, 'failed');
    logger.warn({ agent: 'b' }, 'down: no answer');
  }
  dropRepeats(logger, 'a', ['down']);
  clock.advance(10_000);
  expect(
    lines.slice(3).map(([, message, fields]) => [message.slice(0, 5), fields['agent'], fields['repeats']]),
  ).toEqual([
    ['faile', 'a', 2],
    ['down:', 'b', 2],
  ]);
  logger.warn({ agent: 'a' }, 'down: no answer');
  logger.warn({ agent: 'a' }, 'down: no answer');
  expect(lines.at(-1)?.[1]).toBe('down: no answer');
  clock.advance(10_000);
  expect(lines.at(-1)?.[1]).toContain('once more');
  expect(clock.pendingTimers).toBe(0);
  dropRepeats(written().logger, 'a', ['down']);
});

test('every level is counted of what others word, and what is counted is not counted again', () => {
  const clock = createManualClock();
  const { lines, logger } = written();
  const all = countAllRepeats(countRepeats(logger, clock), clock);
  expect(countAllRepeats(all, clock)).toBe(all);
  const levels = ['debug', 'info', 'warn', 'error'] as const;
  for (let i = 0; i < 100; i += 1) for (const level of levels) all[level]({ agent: 'waf' }, 'flood');
  expect(lines.map(([level]) => level)).toEqual(levels);
  clock.advance(10_000);
  expect(lines.slice(4)).toEqual(
    levels.map((level) => [level, 'flood (99 times more in 10 s, the last 10 s ago)', { agent: 'waf', repeats: 99 }]),
  );
});

test('level, message and telling fields tell lines apart; information is written as it comes', () => {
  const { lines, logger } = counted();
  logger.warn({ agent: 'a' }, 'x');
  logger.warn({ agent: 'b' }, 'x');
  logger.error({ agent: 'a' }, 'x');
  logger.warn({ node: 'a' }, 'x');
  logger.warn({ source: 'a' }, 'x');
  logger.warn({ agent: 'a' }, 'y');
  for (let i = 0; i < 3; i += 1) logger.info({}, 'served');
  expect(lines.length).toBe(9);
});

test('past 256 different lines the rest counts as one, until the old ones are forgotten', () => {
  const { lines, logger, clock } = counted();
  for (let i = 0; i < 10_000; i += 1) logger.warn({}, `peer ${i}`);
  expect(lines.length).toBe(257);
  clock.advance(10_000);
  expect(lines.at(-1)?.[2]).toEqual({ repeats: 10_000 - 257 });
  logger.warn({}, 'another');
  expect(lines.at(-1)?.[1]).toBe('another');
});

test('what peers say acts on no terminal, in messages, fields and errors', () => {
  const { lines, logger } = written();
  const error = new Error('bad \u001b[2J name\r\n2026 forged line');
  const fields = { name: '\u001b]0;x\u0007', count: 3, err: error };
  safeLogger(logger).warn(fields, 'refused \u202ea\u009b');
  const [, message, seen] = lines[0] as Line;
  expect(message).toBe('refused \\u{202e}a\\u{9b}');
  expect(seen['name']).toBe('\\u{1b}]0;x\\u{7}');
  expect(seen['count']).toBe(3);
  const shown = seen['err'] as Error;
  expect(shown).toBeInstanceOf(Error);
  expect(`${shown.message}${shown.stack?.replaceAll('\n', '')}`).not.toMatch(/\p{Cc}/u);
  expect(shown.stack).not.toContain('\n2026');
  expect(fields.err).toBe(error);
  const nested = { 'n\nforged': ['\u009b', { 'k\u2028': '\u202e' }], count: 1 };
  safeLogger(logger).warn(nested, 'x');
  expect(lines.pop()?.[2]).toEqual({
    'n\\u{a}forged': ['\\u{9b}', { 'k\\u{2028}': '\\u{202e}' }],
    count: 1,
  });
  const cycle: Record<string, unknown> = { text: 'a' };
  cycle['self'] = cycle;
  safeLogger(logger).warn(cycle, 'x');
  expect(lines.pop()?.[2]).toBe(cycle);
  const plain = { a: 'ä ok', list: ['b', { c: 'd' }], err: new Error('fine') };
  safeLogger(logger).warn(plain, 'x');
  expect(lines[1]?.[2]).toBe(plain);
});

test('a logger that throws has no effect', () => {
  const broken = (): never => {
    throw new Error('disk full');
  };
  const logger = countRepeats({ debug: broken, info: broken, warn: broken, error: broken });
  expect(() => logger.error({}, 'x')).not.toThrow();
});

test('a line with its sentence first, alone, or with an error in the place of fields is written as if they were in order', () => {
  const { lines, logger } = written();
  const text: string[] = [];
  const err = new Error('no disk');
  const own = createLineLogger((line) => text.push(line.slice(25)));
  for (const given of [safeLogger(logger), countRepeats(logger), own]) {
    const warn = given.warn as (...line: readonly unknown[]) => void;
    warn('seen', { path: '/a' });
    warn('alone');
    warn({ only: 'fields' });
    warn(err);
    warn(err, 'failed');
    warn('not saved', err);
    warn(7, 'a number');
    warn();
  }
  const expected = [
    ['warn', 'seen', { path: '/a' }],
    ['warn', 'alone', {}],
    ['warn', '', { only: 'fields' }],
    ['warn', 'no disk', { err }],
    ['warn', 'failed', { err }],
    ['warn', 'not saved', { err }],
    ['warn', 'a number', { value: 7 }],
    ['warn', '', {}],
  ];
  expect(lines).toEqual([...expected, ...expected.slice(0, 7)]);
  expect(text.slice(0, 3)).toEqual(['warn  seen path=/a', 'warn  alone', 'warn   only=fields']);
});

test('lines that have a bound of their own are not counted as repeats', () => {
  const { lines, logger } = written();
  const every = everyLine(safeLogger(countAllRepeats(countRepeats(logger))));
  for (let i = 0; i < 3; i += 1) every.warn({ path: `/${i}` }, 'seen');
  expect(lines.map(([, , { path }]) => path)).toEqual(['/0', '/1', '/2']);
});

test('one repeat is once more', () => {
  const { lines, logger, clock } = counted();
  logger.warn({}, 'broke');
  clock.advance(9_900);
  logger.warn({}, 'broke');
  clock.advance(100);
  expect(lines.at(-1)?.[1]).toBe('broke (once more in 10 s)');
});
