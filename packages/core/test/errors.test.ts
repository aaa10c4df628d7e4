import { AgentwireError, ERROR_CODES, toAgentwireError } from '@agentwire/core';
import { printable, printableList, printableStart } from '@agentwire/core/internal';
import { expect, test } from 'vitest';

test('an error says whether to try again, unless it is told otherwise', () => {
  expect(new AgentwireError('ERR_TIMEOUT', 'late').retryable).toBe(ERROR_CODES.ERR_TIMEOUT.retryable);
  expect(new AgentwireError('ERR_TIMEOUT', 'late', { retryable: false }).retryable).toBe(false);
});

test('instanceof holds for an error of another copy of the package, and for nothing else', () => {
  const thirdParty = Object.assign(new Error('x'), { code: 'ERR_CLOSED', [Symbol.for('agentwire.error')]: true });
  expect(thirdParty).toBeInstanceOf(AgentwireError);
  for (const other of [new Error('x'), null, undefined, 'ERR_CLOSED', { code: 'ERR_CLOSED' }])
    expect(other instanceof AgentwireError).toBe(false);
});

test('toAgentwireError keeps its own kind and wraps the rest with its cause', () => {
  const own = new AgentwireError('ERR_CLOSED', 'gone');
  expect(toAgentwireError(own, 'ERR_IO')).toBe(own);
  const cause = new Error('disk');
  expect(toAgentwireError(cause, 'ERR_IO', 'cannot write')).toMatchObject({
    code: 'ERR_IO',
    message: 'cannot write: disk',
    cause,
  });
  expect(toAgentwireError('text', 'ERR_IO').message).toBe('text');
});

test('a text of a third party has nothing that acts on a terminal, and an end', () => {
  const hostile = '\u001b]0;x\u0007\r\n\u007f\u009b31m\u2028\u2029\u202e\u2066é';
  expect(printable(hostile)).toBe(
    String.raw`\u{1b}]0;x\u{7}\u{d}\u{a}\u{7f}\u{9b}31m\u{2028}\u{2029}\u{202e}\u{2066}é`,
  );
  expect(printableStart('a\n'.repeat(3), 4)).toBe(String.raw`a\u{a}a\u{a}…`);
  expect(printableStart('a\n', 4)).toBe(String.raw`a\u{a}`);
  expect(printableList(['a', '\n'])).toBe(String.raw`a, \u{a}`);
  const long = printableList(Array.from({ length: 23 }, (_, at) => `${at}${'x'.repeat(100)}`));
  expect(long.slice(-13)).toBe('x… and 3 more');
  expect(long.length).toBeLessThan(20 * 68);
});
