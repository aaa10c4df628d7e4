import type { MetricsReport } from '@agentwire/core';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { MetricsCollector, observePool } from '../src/index.ts';

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** Samples of a page, by name and labels. */
function samples(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [, key = '', value = ''] = /^(.*) (\S+)$/.exec(line) ?? [];
      return [key, value === '+Inf' ? Infinity : Number(value)];
    }),
  );
}

const report = (parts: Partial<MetricsReport>): MetricsReport => ({
  type: 'metricsReport',
  agentId: 'claimed',
  timestampMs: 0,
  intervalMs: 10_000,
  counters: [],
  gauges: [],
  histograms: [],
  ...parts,
});

describe('MetricsCollector', () => {
  test('exports counters, gauges and histograms with the names of the documents', () => {
    const metrics = new MetricsCollector();
    metrics.count('agent_requests_total', { agent: 'waf', decision: 'allow' });
    metrics.count('agent_requests_total', { decision: 'allow', agent: 'waf' }, 2);
    metrics.gauge('agent_connections_active', { agent: 'waf' }, 4);
    metrics.observe('agent_request_duration_seconds', { agent: 'waf' }, 0.0001);
    metrics.observe('agent_request_duration_seconds', { agent: 'waf' }, 0.003);
    metrics.observe('agent_request_duration_seconds', { agent: 'waf' }, 60);
    const text = metrics.exportPrometheus();
    expect(text).toContain('# HELP agent_requests_total Decisions by agent and kind of decision.\n');
    expect(text).toContain(
      '# TYPE agent_requests_total counter\nagent_requests_total{agent="waf",decision="allow"} 3\n',
    );
    const page = samples(text);
    expect(page.get('agent_connections_active{agent="waf"}')).toBe(4);
    expect(page.get('agent_request_duration_seconds_bucket{agent="waf",le="0.0001"}')).toBe(1);
    expect(page.get('agent_request_duration_seconds_bucket{agent="waf",le="0.0025"}')).toBe(1);
    expect(page.get('agent_request_duration_seconds_bucket{agent="waf",le="0.005"}')).toBe(2);
    expect(page.get('agent_request_duration_seconds_bucket{agent="waf",le="10"}')).toBe(2);
    expect(page.get('agent_request_duration_seconds_bucket{agent="waf",le="+Inf"}')).toBe(3);
    expect(page.get('agent_request_duration_seconds_count{agent="waf"}')).toBe(3);
    expect(page.get('agent_request_duration_seconds_sum{agent="waf"}')).toBeCloseTo(60.0031);
  });

  test('is what a model of plain maps says, whatever is recorded', () => {
    const label = fc.record({ agent: fc.string({ unit: 'binary' }), type: fc.constantFrom('a', 'b', '"', '\\', '\n') });
    const command = fc.record({
      labels: label,
      value: fc.double({ noNaN: true, min: 0, max: 1e6 }),
      again: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const metrics = new MetricsCollector();
        const model = new Map<string, number>();
        for (const { labels, value, again } of commands) {
          const given = again ? Object.freeze({ ...labels }) : labels;
          metrics.count('errors_total', given, value);
          metrics.count('errors_total', given, value);
          const key = JSON.stringify([labels.agent.toWellFormed().replaceAll('\0', '\u{FFFD}'), labels.type]);
          model.set(key, (model.get(key) ?? 0) + value + value);
        }
        const [family] = metrics.snapshot().families;
        const seen = new Map(
          (family?.series ?? []).map(({ labels, value }) => [JSON.stringify([labels['agent'], labels['type']]), value]),
        );
        expect([...seen.keys()].toSorted()).toEqual([...model.keys()].toSorted());
        for (const [key, value] of seen) expect(value).toBeCloseTo(model.get(key) ?? NaN, 3);
      }),
    );
  });

  test('labels that change between two calls are read anew', () => {
    const metrics = new MetricsCollector();
    const labels = { agent: 'a' };
    metrics.count('x_total', labels);
    labels.agent = 'b';
    metrics.count('x_total', labels);
    expect(metrics.exportPrometheus()).toContain('x_total{agent="a"} 1\nx_total{agent="b"} 1\n');
  });

  test('frozen labels are found again by identity, also in turn', () => {
    const metrics = new MetricsCollector();
    const [a, b] = [Object.freeze({ agent: 'a' }), Object.freeze({ agent: 'b' })];
    for (let turn = 0; turn < 3; turn++) for (const labels of [a, b]) metrics.count('x_total', labels);
    expect(metrics.exportPrometheus()).toContain('x_total{agent="a"} 3\nx_total{agent="b"} 3\n');
  });

  test('drops series past the limit, counts them, and logs once', () => {
    const warn = vi.fn();
    const metrics = new MetricsCollector({ maxSeries: 3, logger: { ...silent, warn } });
    for (let at = 0; at < 1000; at++) metrics.count('x_total', { path: `/${at}` });
    for (let at = 0; at < 1000; at++) metrics.count(`name_${at}_total`, {});
    metrics.count('x_total', { path: '/0' });
    const page = samples(metrics.exportPrometheus());
    expect(page.get('x_total{path="/0"}')).toBe(2);
    expect(page.get('agentwire_metrics_dropped_total{reason="series"}')).toBe(1997);
    expect(page.size).toBe(4);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  test('another format is refused by name', () => {
    expect(() => new MetricsCollector().exportPrometheus('zzz' as never)).toThrow(
      /format must be one of prometheus, openmetrics/,
    );
  });

  test('never throws, whatever is recorded', () => {
    const metrics = new MetricsCollector();
    metrics.count('bad name', {});
    metrics.count('x_total', { 'bad-label': '1' });
    metrics.count('x_total', { le: '1' });
    metrics.count('x_total', { __name__: 'y' });
    metrics.count('x_total', {}, -1);
    metrics.count('x_total', {}, NaN);
    metrics.gauge('x_total', {}, 1);
    metrics.observe('agent_request_duration_seconds', {}, NaN);
    metrics.gauge('agent_queue_depth', {}, Infinity);
    const page = samples(metrics.exportPrometheus());
    expect(page.get('agentwire_metrics_dropped_total{reason="name"}')).toBe(4);
    expect(page.get('agentwire_metrics_dropped_total{reason="value"}')).toBe(3);
    expect(page.get('agentwire_metrics_dropped_total{reason="type"}')).toBe(1);
    expect(page.get('x_total')).toBe(0);
    expect(page.get('agent_queue_depth')).toBe(Infinity);
  });

  test('never throws for what JavaScript may hand in, and keeps counters numbers', () => {
    const metrics = new MetricsCollector({
      traceId: () => {
        throw new Error('no');
      },
    });
    const loud = {
      get agent(): string {
        throw new Error('no');
      },
    };
    for (const labels of [null, undefined, 5, loud, { agent: Symbol('a') }] as never[]) {
      metrics.count('x_total', labels);
      metrics.gauge('x', labels, 1);
      metrics.observe('x_seconds', labels, 1);
    }
    for (const value of ['5', null, 10n, {}] as never[]) metrics.count('y_total', {}, value);
    metrics.count('y_total', {}, 2);
    metrics.observe('z_seconds', {}, 1);
    for (const wrong of [null, {}, { counters: 1 }] as never[]) metrics.recordReport('waf', wrong);
    const page = samples(metrics.exportPrometheus());
    expect(page.get('y_total')).toBe(2);
    expect(page.get('z_seconds_count')).toBe(1);
  });

  test('a name that is a sample of another metric is left out of the page', () => {
    const metrics = new MetricsCollector();
    const reported = (name: string) => ({ name, labels: {}, value: 7 });
    metrics.observe('h_seconds', {}, 1);
    metrics.count('h_seconds_count', {});
    metrics.count('c_total', {});
    metrics.gauge('c', {}, 1);
    metrics.recordReport(
      'waf',
      report({ counters: [reported('h_seconds_sum'), reported('c_created'), reported('fine_total')] }),
    );
    const families = metrics.families().map(({ name }) => name);
    expect(families).toEqual(['c_total', 'fine_total', 'h_seconds']);
    for (const format of ['prometheus', 'openmetrics'] as const) {
      const names = [...metrics.exportPrometheus(format).matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
      expect(new Set(names).size).toBe(names.length);
    }
    expect(metrics.exportPrometheus()).toContain('agentwire_metrics_dropped_total{reason="name"} 1\n');
  });

  test('escapes hostile label and help texts', () => {
    const metrics = new MetricsCollector({
      definitions: { x_total: { type: 'counter', help: 'line\nbreak \\ "quote"' } },
    });
    metrics.count('x_total', { agent: 'a"} 1\nfake_total{b="\\' });
    expect(metrics.exportPrometheus()).toBe(
      '# HELP x_total line\\nbreak \\\\ "quote"\n# TYPE x_total counter\nx_total{agent="a\\"} 1\\nfake_total{b=\\"\\\\"} 1\n',
    );
  });

  test('has no NUL, with which Prometheus refuses the whole page, and no two series that are equal without it', () => {
    const metrics = new MetricsCollector({ traceId: () => 'a\0b' });
    metrics.count('x_total', { agent: 'a\0' });
    metrics.count('x_total', { agent: 'a\u{FFFD}' });
    metrics.observe('agent_request_duration_seconds', { agent: '\0' }, 1);
    const rules = { name: 'rules_total', help: 'a\0b', labels: { rule: '\0' }, value: 1 };
    metrics.recordReport('w\0', report({ counters: [rules] }));
    for (const format of ['prometheus', 'openmetrics'] as const)
      expect(metrics.exportPrometheus(format)).not.toContain('\0');
    expect(metrics.exportPrometheus()).toContain('x_total{agent="a\u{FFFD}"} 2\n');
  });

  test('OpenMetrics names counters without _total, writes exemplars and ends with EOF', () => {
    let trace: string | undefined = '4bf92f3577b34da6a3ce929d0e0e4736';
    const metrics = new MetricsCollector({
      traceId: () => trace,
      clock: { now: () => 0, wallNow: () => 1_500, setTimeout: () => 0, clearTimeout: () => undefined },
      definitions: { wait_seconds: { type: 'histogram', help: 'Wait.', buckets: [1, 2] } },
    });
    metrics.count('x_total', {});
    metrics.observe('wait_seconds', {}, 0.5);
    trace = undefined;
    metrics.observe('wait_seconds', {}, 1.5);
    expect(metrics.exportPrometheus('openmetrics')).toBe(
      [
        '# HELP wait_seconds Wait.',
        '# TYPE wait_seconds histogram',
        'wait_seconds_bucket{le="1.0"} 1 # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} 0.5 1.500',
        'wait_seconds_bucket{le="2.0"} 2',
        'wait_seconds_bucket{le="+Inf"} 2',
        'wait_seconds_sum 2',
        'wait_seconds_count 2',
        '# HELP x x total (no description)',
        '# TYPE x counter',
        'x_total 1',
        '# EOF',
        '',
      ].join('\n'),
    );
  });

  test('reads gauges when it exports, and survives a collector that throws', () => {
    const error = vi.fn();
    const metrics = new MetricsCollector({ logger: { ...silent, error } });
    let depth = 1;
    const remove = metrics.onCollect(() => metrics.gauge('agent_queue_depth', { agent: 'waf' }, depth++));
    metrics.onCollect(() => {
      throw new Error('no');
    });
    expect(metrics.exportPrometheus()).toContain('agent_queue_depth{agent="waf"} 1\n');
    expect(metrics.exportPrometheus()).toContain('agent_queue_depth{agent="waf"} 2\n');
    remove();
    expect(metrics.exportPrometheus()).toContain('agent_queue_depth{agent="waf"} 2\n');
    expect(error).toHaveBeenCalledTimes(3);
  });

  test('survives callbacks that are async by mistake, and trace ids that are no text', async () => {
    const error = vi.fn();
    const floating: unknown[] = [];
    const onFloating = (reason: unknown): void => void floating.push(reason);
    process.on('unhandledRejection', onFloating);
    onTestFinished(() => void process.off('unhandledRejection', onFloating));
    const no = new Error('no');
    const traceIds: unknown[] = ['abc', 5, null, Promise.reject(no), Promise.resolve('abc')];
    const metrics = new MetricsCollector({ traceId: () => traceIds.pop() as never, logger: { ...silent, error } });
    metrics.onCollect(() => Promise.reject(no) as never);
    for (let at = traceIds.length; at > 0; at--) metrics.observe('agent_request_duration_seconds', { agent: 'a' }, at);
    expect(metrics.exportPrometheus('openmetrics').match(/trace_id="\w*"/g)).toEqual(['trace_id="abc"']);
    await new Promise((resolve) => setImmediate(resolve));
    expect([floating, error.mock.calls]).toEqual([[], [[{ err: no }, 'a metrics collector failed']]]);
  });

  test('totals of a snapshot are over all agents', () => {
    const metrics = new MetricsCollector();
    expect(metrics.snapshot()).toMatchObject({ totalRequests: 0, averageDurationMs: undefined, families: [] });
    for (const agent of ['a', 'b']) {
      metrics.count('agent_requests_total', { agent, decision: 'allow' }, 2);
      metrics.count('agent_errors_total', { agent, type: 'ERR_TIMEOUT' });
      metrics.gauge('agent_connections_active', { agent }, 4);
      metrics.observe('agent_request_duration_seconds', { agent }, agent === 'a' ? 0.001 : 0.003);
    }
    expect(metrics.snapshot()).toMatchObject({
      totalRequests: 4,
      totalErrors: 2,
      activeConnections: 8,
      averageDurationMs: 2,
    });
  });

  test.each([
    [{ maxSeries: 0 }, /maxSeries/],
    [{ maxSeries: '10' }, /maxSeries/],
    [{ series: 1 }, /series/],
    [{ traceId: 'x' }, /traceId/],
    [{ definitions: { 'a b': { type: 'counter', help: '' } } }, /a b/],
    [{ definitions: { a: { type: 'summary', help: '' } } }, /histogram/],
    [{ definitions: { a: { type: 'histogram', help: '', buckets: [2, 1] } } }, /ascending/],
    [{ definitions: { a: { type: 'histogram', help: '', buckets: [] } } }, /1 to 100/],
    [{ definitions: { a: { type: 'histogram', help: '', buckets: 5 } } }, /definitions.a must have a list of buckets/],
    [{ definitions: { a: { type: 'counter', help: 5 } } }, /definitions.a.help must be a string/],
    [{ definitions: { a: { type: 'counter' } } }, /definitions.a.help must be a string/],
    [{ definitions: { a: { type: 'counter', help: '', name: 'b' } } }, /definitions.a has no option "name"/],
    [{ definitions: { a: null } }, /definitions.a must be an object/],
  ])('options %j are refused by name', (options, message) => {
    expect(() => new MetricsCollector(options as never)).toThrow(message);
    expect(() => new MetricsCollector(options as never)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }),
    );
  });
});

test('a pool is read when the collector is exported, and agents that left it are removed', () => {
  const metrics = new MetricsCollector();
  const pool = {
    stats: {
      agents: [
        { name: 'waf', inFlight: 3, queued: 1 },
        { name: 'auth', inFlight: 0, queued: 0 },
      ],
    },
  };
  metrics.count('agent_requests_total', { agent: 'auth', decision: 'allow' });
  const end = observePool(metrics, pool);
  expect(samples(metrics.exportPrometheus())).toEqual(
    new Map([
      ['agent_in_flight_requests{agent="auth"}', 0],
      ['agent_in_flight_requests{agent="waf"}', 3],
      ['agent_queue_depth{agent="auth"}', 0],
      ['agent_queue_depth{agent="waf"}', 1],
      ['agent_requests_total{agent="auth",decision="allow"}', 1],
    ]),
  );
  pool.stats.agents.pop();
  expect(metrics.exportPrometheus()).not.toContain('auth');
  end();
  pool.stats.agents.pop();
  expect(metrics.exportPrometheus()).toContain('agent_queue_depth{agent="waf"} 1');
});

test('agents that are shown under one name, as one that replaces another is, are added up', () => {
  const metrics = new MetricsCollector();
  const agents = [
    { name: 'waf', inFlight: 3, queued: 1, paused: 2 },
    { name: 'waf', inFlight: 4, queued: 0, paused: 0 },
  ];
  observePool(metrics, { stats: { agents } });
  expect(samples(metrics.exportPrometheus())).toEqual(
    new Map([
      ['agent_flow_paused{agent="waf"}', 2],
      ['agent_in_flight_requests{agent="waf"}', 7],
      ['agent_queue_depth{agent="waf"}', 1],
    ]),
  );
});

test('of a pool that is closed what was counted stays, and its gauges are 0', () => {
  const metrics = new MetricsCollector();
  const pool = { closed: false, stats: { agents: [{ name: 'waf', inFlight: 3, queued: 1, paused: 1 }] } };
  metrics.count('agent_requests_total', { agent: 'waf', decision: 'allow' });
  observePool(metrics, pool);
  expect(metrics.exportPrometheus()).toContain('agent_in_flight_requests{agent="waf"} 3');
  pool.closed = true;
  pool.stats.agents.pop();
  for (const _ of [1, 2])
    expect(samples(metrics.exportPrometheus())).toEqual(
      new Map([
        ['agent_flow_paused{agent="waf"}', 0],
        ['agent_in_flight_requests{agent="waf"}', 0],
        ['agent_queue_depth{agent="waf"}', 0],
        ['agent_requests_total{agent="waf",decision="allow"}', 1],
      ]),
    );
});

describe('reports of agents', () => {
  const counter = (name: string, labels: Record<string, string>, value: number) => ({ name, labels, value });

  test('appear with the name of the agent, replaced by the next report, gone with the agent', () => {
    const metrics = new MetricsCollector();
    metrics.recordReport('waf', report({ counters: [counter('rules_total', { rule: '7', agent: 'other' }, 5)] }));
    metrics.recordReport('auth', report({ counters: [counter('rules_total', { rule: '7' }, 2)] }));
    expect(metrics.exportPrometheus()).toContain(
      'rules_total{rule="7",agent="waf"} 5\nrules_total{rule="7",agent="auth"} 2\n',
    );
    metrics.recordReport('waf', report({ gauges: [counter('rules_loaded', {}, 9)] }));
    expect(metrics.exportPrometheus()).not.toContain('agent="waf"} 5');
    metrics.removeAgent('waf');
    expect(metrics.exportPrometheus()).not.toContain('waf');
  });

  test('histograms come out cumulative as they were sent, broken ones stay valid', () => {
    const metrics = new MetricsCollector();
    const histogram = (counts: readonly (readonly [number, number])[]) => ({
      name: 'scan_seconds',
      labels: {},
      sum: 3,
      count: 4,
      buckets: counts.map(([le, count]) => ({ le, count })),
    });
    metrics.recordReport('waf', report({ histograms: [histogram([[0.1, 1], [1, 3], [Infinity, 4]])] })); // prettier-ignore
    let page = samples(metrics.exportPrometheus());
    expect([0.1, 1, '+Inf'].map((le) => page.get(`scan_seconds_bucket{agent="waf",le="${le}"}`))).toEqual([1, 3, 4]);
    metrics.recordReport('waf', report({ histograms: [histogram([[1, 5], [0.1, 7], [Infinity, 2]])] })); // prettier-ignore
    page = samples(metrics.exportPrometheus());
    expect([0.1, 1, '+Inf'].map((le) => page.get(`scan_seconds_bucket{agent="waf",le="${le}"}`))).toEqual([7, 7, 7]);
    const same = histogram([[1, 2], [0, 0], [1, 3], [-0, 1], [1, 1], [NaN, 9], [Infinity, 4]]); // prettier-ignore
    metrics.recordReport('waf', report({ histograms: [same] }));
    expect(metrics.exportPrometheus().match(/^scan_seconds_bucket.*$/gm)).toEqual([
      'scan_seconds_bucket{agent="waf",le="0"} 1',
      'scan_seconds_bucket{agent="waf",le="1"} 3',
      'scan_seconds_bucket{agent="waf",le="+Inf"} 4',
    ]);
  });

  test('have no help text without a bound, and only numbers as values', () => {
    const metrics = new MetricsCollector();
    const histogram = { name: 'h', labels: {}, sum: 'x' as never, count: 1, buckets: [] };
    metrics.recordReport(
      'waf',
      report({
        counters: [
          { ...counter('rules_total', {}, 1), help: 'h'.repeat(100_000) },
          counter('text_total', {}, '5' as never),
        ],
        gauges: [counter('truth', {}, true as never)],
        histograms: [histogram],
      }),
    );
    expect([...samples(metrics.exportPrometheus()).keys()]).toEqual([
      'agentwire_metrics_dropped_total{reason="value"}',
      'rules_total{agent="waf"}',
    ]);
    expect(metrics.exportPrometheus().length).toBeLessThan(2_000);
  });

  test('cannot change what the pool records, and are bounded per agent', () => {
    const metrics = new MetricsCollector();
    metrics.count('mine_total', {}, 1);
    metrics.recordReport(
      'waf',
      report({
        counters: [
          counter('agent_requests_total', { agent: 'auth', decision: 'allow' }, 1e9),
          counter('mine_total', {}, 1e9),
          ...Array.from({ length: 5_000 }, (_, at) => counter('many_total', { at: String(at) }, 1)),
          counter('many_total', { at: '1' }, 1),
        ],
        gauges: [counter('many_total', {}, 1)],
      }),
    );
    const text = metrics.exportPrometheus();
    expect(text).not.toContain('1000000000');
    expect(text.match(/^many_total/gm)).toHaveLength(1_000);
    expect(text).toContain('agentwire_metrics_dropped_total');
  });
});
