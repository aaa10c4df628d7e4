import { ALLOW, type Decision } from '@agentwire/core';
import { expect, onTestFinished, test, vi } from 'vitest';
import { head, settle, setup } from './setup.ts';

/** Fails a test for a rejection that nothing handles, which would end a process. */
function watch(): unknown[] {
  const floating: unknown[] = [];
  const onFloating = (error: unknown): void => void floating.push(error);
  process.on('unhandledRejection', onFloating);
  onTestFinished(() => void process.off('unhandledRejection', onFloating));
  return floating;
}

test('no callback that is async by mistake, and rejects, ends the process or decides', async () => {
  const floating = watch();
  const error = vi.fn((..._line: unknown[]) => Promise.reject(new Error('line')));
  const rejecting = (name: string) => () => Promise.reject(new Error(name)) as never;
  const metrics = {
    count: rejecting('count'),
    gauge: rejecting('gauge'),
    observe: rejecting('observe'),
    recordReport: rejecting('recordReport'),
    removeAgent: rejecting('removeAgent'),
    handle: () => ({ record: rejecting('record') }),
  };
  const tracer = { startSpan: rejecting('startSpan') };
  const loadBalanceStrategy = { pick: rejecting('pick'), prefer: rejecting('prefer') };
  const logger = { debug: error, info: error, warn: error, error };
  const { pool, serve } = setup({ metrics, tracer, loadBalanceStrategy, logger });
  await serve('memory:a', (): Decision => ALLOW);
  await pool.addAgent('a', 'memory:a', { onFailure: rejecting('rule') });
  expect((await pool.request('a', head(1))).verdict.type).toBe('allow');
  pool.addReverseAgent('gone', { onFailure: rejecting('rule') });
  expect(await pool.decide('gone', head(1))).toMatchObject({
    verdict: { type: 'block', status: 503 },
    audit: { tags: ['agentwire:fail-rule-broken', 'agentwire:fail-custom'] },
  });
  await pool.removeAgent('gone');
  await settle();
  expect(floating).toEqual([]);
  const logged = error.mock.calls.map(([fields]) => String((fields as { err?: Error }).err?.message));
  for (const name of ['gauge', 'startSpan']) expect(logged).toContain(name);
});

test.each([null, 5, 'x', true, () => 1])('options %s of a request are an error of the caller', async (options) => {
  const { pool } = setup();
  pool.addReverseAgent('a', { onFailure: 'open' });
  const wrong = options as never;
  const refused = expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }) as Error;
  await expect(pool.request('a', head(1), wrong)).rejects.toEqual(refused);
  await expect(pool.decide('a', head(1), wrong)).rejects.toEqual(refused);
  expect(() => pool.addReverseAgent('b', { onFailure: null as never })).toThrow(/^onFailure must be/);
  expect(() => pool.addReverseAgent('b', { shownAs: null as never })).toThrow(/^shownAs must be/);
  for (const summary of [null, 5]) expect(() => pool.sendRequestComplete('a', summary as never)).toThrow(refused);
});
