import { AgentwireError, ERROR_CODES, toAgentwireError } from '@agentwire/core';
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
