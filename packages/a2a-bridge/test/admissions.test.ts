import { UnsupportedOperationError } from '@a2a-js/sdk/errors';
import { expect, test } from 'vitest';
import { Admissions } from '../src/run/admissions.ts';

const overloaded = expect.objectContaining({ reason: 'ERR_OVERLOADED' }) as Error;

test('room is bounded in all and for each caller, and given back once', () => {
  const admissions = new Admissions('active tasks', 3, 2);
  const first = admissions.admit('alice');
  admissions.admit('alice');
  expect(() => admissions.admit('alice')).toThrow(overloaded);
  admissions.admit('bob');
  expect(() => admissions.admit('carol')).toThrow(overloaded);
  first.release();
  first.release();
  admissions.admit('carol');
  expect(() => admissions.admit('bob')).toThrow(overloaded);
});

test('a task takes one message at a time, also one that had no id before', () => {
  const admissions = new Admissions('active tasks', 10, 10);
  const fresh = admissions.admit('alice');
  expect(fresh.taken).toBe(false);
  fresh.take('t1');
  expect(fresh.taken).toBe(true);
  expect(() => admissions.admit('alice', 't1')).toThrow(UnsupportedOperationError);
  fresh.release();
  const again = admissions.admit('alice', 't1');
  expect(() => admissions.hold('alice', 't1')).toThrow(UnsupportedOperationError);
  again.release();
});

test('a task that is being canceled takes no message, and one caller’s limit does not keep it from that', () => {
  const admissions = new Admissions('active tasks', 1, 1);
  const busy = admissions.admit('alice');
  const release = admissions.hold('alice', 't1');
  busy.release();
  expect(() => admissions.admit('alice', 't1')).toThrow(UnsupportedOperationError);
  release();
  admissions.admit('alice', 't1').release();
});

test('the task of another caller is neither known nor kept from it', () => {
  const admissions = new Admissions('active tasks', 10, 10);
  const own = admissions.admit('alice', 't1');
  const other = admissions.admit('bob', 't1');
  own.release();
  admissions.admit('alice', 't1').release();
  admissions.hold('alice', 't1')();
  other.release();
});
