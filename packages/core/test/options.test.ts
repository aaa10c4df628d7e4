import { type Clock, type Logger, systemClock } from '@agentwire/core';
import {
  checkBoolean,
  checkClock,
  checkFunction,
  checkInteger,
  checkKnownOptions,
  checkLogger,
  checkNumber,
  checkOneOf,
  checkText,
  silentLogger,
} from '@agentwire/core/internal';
import { expect, test } from 'vitest';

test('each check names the option, the rule and what it got', () => {
  expect(() => checkInteger('connections', '4', 1, 1024)).toThrow(
    'connections must be an integer from 1 to 1024, got "4" (string)',
  );
  expect(() => checkInteger('connections', 4.5, 1, 1024)).toThrow('got 4.5 (number)');
  expect(() => checkInteger('connections', undefined, 1, 2)).toThrow('got undefined');
  expect(() => checkNumber('jitter', {}, 0, 1)).toThrow('jitter must be a number from 0 to 1, got object');
  expect(() => checkNumber('jitter', Number.NaN, 0, 1)).toThrow('got NaN (number)');
  expect(() => checkOneOf('mode', 'fast', ['slow'])).toThrow('mode must be one of slow, got "fast" (string)');
  expect(() => checkKnownOptions('createX', { a: 1, b: 2 }, ['a'])).toThrow('createX has no option "b"; it knows a');
});

test('what is right is given back', () => {
  expect(checkInteger('n', 0, 0, 1)).toBe(0);
  expect(checkNumber('n', 0.5, 0, 1)).toBe(0.5);
  expect(checkOneOf('n', 'a', ['a', 'b'])).toBe('a');
  expect(() => checkKnownOptions('x', {}, [])).not.toThrow();
});

test('booleans, functions, texts, clocks and loggers are checked by type', () => {
  expect(() => checkBoolean('trust', 'no')).toThrow('trust must be true or false, got "no" (string)');
  expect(() => checkFunction('onEnd', 1 as never)).toThrow('onEnd must be a function, got 1 (number)');
  expect(() => checkText('name', '')).toThrow('name must be a string that is not empty');
  expect(() => checkClock({ now: () => 1 } as Clock)).toThrow('clock must be an object with the methods now, wallNow');
  expect(() => checkLogger({} as Logger)).toThrow('logger must be an object with the methods debug, info, warn, error');
  expect(() => checkLogger(null as never)).toThrow('logger must be');
  expect([checkBoolean('b', false), checkText('t', 'x'), checkClock(systemClock)]).toEqual([false, 'x', systemClock]);
  expect(checkLogger(silentLogger)).toBe(silentLogger);
});

test('a logger that throws has no effect, keeps its own `this`, and is wrapped once', () => {
  const lines: string[] = [];
  class Broken {
    prefix = 'x ';
    debug(_fields: object, message: string): void {
      lines.push(this.prefix + message);
      throw new Error('disk full');
    }
    info = silentLogger.info;
    warn = silentLogger.warn;
    error = silentLogger.error;
  }
  const logger = checkLogger(new Broken());
  expect(() => logger.debug({}, 'line')).not.toThrow();
  expect(lines).toEqual(['x line']);
  expect(checkLogger(logger)).toBe(logger);
});
