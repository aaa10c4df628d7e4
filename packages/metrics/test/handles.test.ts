import { SafeRecorder } from '@agentwire/core/internal';
import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { MetricsCollector } from '../src/index.ts';

const labels = { agent: 'waf', decision: 'allow' };
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

test('a handle records what the methods by name record, also after its series was removed', () => {
  const command = fc.oneof(
    fc.record({ do: fc.constant('handle' as const), value: fc.double({ min: -1, max: 20 }) }),
    fc.record({ do: fc.constant('name' as const), value: fc.double({ min: -1, max: 20 }) }),
    fc.record({ do: fc.constant('remove' as const), value: fc.constant(0) }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const [mixed, named] = [new MetricsCollector(), new MetricsCollector()];
      const count = mixed.handle('counter', 'agent_requests_total', labels);
      const observe = mixed.handle('histogram', 'agent_request_duration_seconds', labels);
      const gauge = mixed.handle('gauge', 'agent_queue_depth', labels);
      for (const one of commands) {
        if (one.do === 'handle') for (const handle of [count, observe, gauge]) handle.record(one.value);
        for (const collector of one.do === 'name' ? [mixed, named] : one.do === 'handle' ? [named] : []) {
          collector.count('agent_requests_total', labels, one.value);
          collector.observe('agent_request_duration_seconds', labels, one.value);
          collector.gauge('agent_queue_depth', labels, one.value);
        }
        if (one.do === 'remove') for (const collector of [mixed, named]) collector.removeAgent('waf');
      }
      expect(mixed.exportPrometheus()).toBe(named.exportPrometheus());
    }),
  );
});

test('a handle adds no series before its first value, and past maxSeries counts what it drops', () => {
  const metrics = new MetricsCollector({ maxSeries: 1 });
  const [one, two] = ['one', 'two'].map((agent) => metrics.handle('counter', 'agent_requests_total', { agent }));
  expect(metrics.families()).toEqual([]);
  one?.record(1);
  two?.record(1);
  two?.record(1);
  expect(metrics.exportPrometheus()).toContain('agentwire_metrics_dropped_total{reason="series"} 2\n');
  metrics.removeAgent('one');
  two?.record(5);
  expect(metrics.exportPrometheus()).toContain('agent_requests_total{agent="two"} 5\n');
});

test('labels that change after a handle was made change nothing', () => {
  const metrics = new MetricsCollector();
  const given = { agent: 'waf' };
  const handle = metrics.handle('counter', 'agent_requests_total', given);
  given.agent = 'other';
  handle.record(1);
  expect(metrics.exportPrometheus()).toContain('agent_requests_total{agent="waf"} 1\n');
});

test('SafeRecorder uses the methods of a recorder without handles, and logs what a recorder throws', () => {
  const error = vi.fn<() => void>();
  const calls: unknown[] = [];
  const plain = {
    count: (...call: unknown[]) => void calls.push(['count', ...call]),
    gauge: (...call: unknown[]) => void calls.push(['gauge', ...call]),
    observe: (...call: unknown[]) => void calls.push(['observe', ...call]),
  };
  const safe = new SafeRecorder(plain, { ...silent, error });
  for (const type of ['counter', 'gauge', 'histogram'] as const) safe.handle(type, 'x', labels).record(2);
  expect(calls).toEqual([
    ['count', 'x', labels, 2],
    ['gauge', 'x', labels, 2],
    ['observe', 'x', labels, 2],
  ]);
  const broken = (): never => {
    throw new Error('broken');
  };
  const recorder = { count: broken, gauge: broken, observe: broken, recordReport: broken, removeAgent: broken };
  for (const one of [recorder, { ...recorder, handle: broken }, { ...recorder, handle: () => ({ record: broken }) }]) {
    const guarded = new SafeRecorder(one, { ...silent, error });
    error.mockClear();
    guarded.handle('counter', 'x', labels).record(1);
    expect(error).toHaveBeenCalled();
    guarded.removeAgent('waf');
    guarded.gauge('x', labels, 1);
  }
});

test('SafeRecorder without a recorder records nothing until it gets one', () => {
  const safe = new SafeRecorder(undefined, silent);
  safe.count('agent_requests_total', labels);
  const metrics = new MetricsCollector();
  safe.start(metrics);
  safe.start(new MetricsCollector());
  expect(safe.recorder).toBe(metrics);
  safe.handle('counter', 'agent_requests_total', labels).record(3);
  expect(metrics.snapshot().totalRequests).toBe(3);
});
