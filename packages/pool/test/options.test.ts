import { AgentPool, type FailureRule } from '@agentwire/pool';
import { resolvePoolOptions } from '@agentwire/pool/internal';
import { expect, onTestFinished, test } from 'vitest';
import { head } from './setup.ts';

const wrong: [string, unknown][] = [
  ['reconnect', { initialMs: 0 }],
  ['reconnect', { maxMs: Number.NaN }],
  ['reconnect', { tries: 3 }],
  ['encodings', ['cbor']],
  ['encodings', 'json'],
  ['name', ''],
  ['loadBalanceStrategy', {}],
  ['loadBalanceStrategy', 'fastest'],
  ['transports', [{}]],
  ['requestTimeoutMs', '30'],
  ['connectionPerAgent', 4],
];

test.each(wrong)('%s of %j is refused at once and by name', (key, value) => {
  expect(() => new AgentPool({ [key]: value })).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
});

test('a wait that is not given has its default', () => {
  const reconnect = { initialMs: 50, maxMs: undefined } as unknown as { initialMs: number };
  expect(resolvePoolOptions({ reconnect }).reconnect).toEqual({
    initialMs: 50,
    factor: 1.6,
    maxMs: 30_000,
    jitter: 0.2,
  });
});

test.each<[string, unknown]>([
  [
    'throws',
    () => {
      throw new Error('oops');
    },
  ],
  ['gives nothing', () => undefined],
  ['gives an unknown verdict', () => ({ verdict: { type: 'pass' } })],
])('a rule that %s is closed', async (_how, rule) => {
  const pool = new AgentPool();
  onTestFinished(() => pool.close());
  pool.addReverseAgent('waf', { onFailure: rule as FailureRule });
  expect(await pool.decide('waf', head('r'))).toMatchObject({
    verdict: { type: 'block', status: 503 },
    audit: { tags: ['agentwire:fail-rule-broken', 'agentwire:fail-custom'], reasonCodes: ['agentwire:ERR_CONNECT'] },
  });
});

test('a policy for a kind that does not exist is refused, so that a typing error is not "closed" by accident', async () => {
  const pool = new AgentPool();
  expect(() => pool.addReverseAgent('waf', { onFailure: { timeuot: 'open' } as object })).toThrow(/timeuot/);
  for (const timeout of ['shut', null, 5, {}])
    expect(() => pool.addReverseAgent('waf', { onFailure: { timeout } as object })).toThrow(
      'onFailure.timeout must be "closed", "open" or a function',
    );
  expect(pool.has('waf')).toBe(false);
  await pool.close();
});

test('metricsCollector gives what the pool records with, and withConfig makes a pool of the class that it is called on', async () => {
  class Own extends AgentPool {}
  const metrics = { count: () => undefined, gauge: () => undefined, observe: () => undefined };
  const [own, silent] = [Own.withConfig({ metrics }), new AgentPool()];
  onTestFinished(async () => {
    await own.close();
    await silent.close();
  });
  expect(own).toBeInstanceOf(Own);
  expect(own.metricsCollector()).toBe(metrics);
  expect(() => silent.metricsCollector()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }) as Error);
  expect(() => Own.withConfig({ connections: 1 } as object)).toThrow(/connections.*connectionsPerAgent/);
});
