import { checkInteger, checkKnownOptions, checkNumber, checkOneOf } from '@agentwire/core';
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
