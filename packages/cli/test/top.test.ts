import { describe, expect, test } from 'vitest';
import { parseMetrics } from '../src/top/parse-metrics.ts';
import { readTop } from '../src/top/top-reading.ts';
import { drawTop, keysOf, pressKey, screenSize, sortedAgents, sparkline, type TopView } from '../src/top/top-screen.ts';

const page = (factor: number): string => `
# TYPE gateway_requests_total counter
gateway_requests_total{decision="allowed",status="200"} ${100 * factor}
gateway_requests_total{decision="blocked",status="403"} ${10 * factor}
gateway_request_duration_seconds_bucket{le="0.005"} ${55 * factor}
gateway_request_duration_seconds_bucket{le="0.01"} ${110 * factor}
gateway_request_duration_seconds_bucket{le="+Inf"} ${110 * factor}
gateway_active_requests 7
gateway_upstream_connections{state="busy"} 5
gateway_upstream_connections{state="idle"} 9
gateway_upstream_queue_depth 2
gateway_request_bytes_total ${2_000 * factor}
gateway_response_bytes_total ${300_000 * factor}
process_event_loop_lag_seconds{stat="p99"} 0.0021
agent_connections_active{agent="waf"} 4
agent_cached_decisions_total{agent="waf",decision="allow"} ${6 * factor}
gateway_upstream_target_state{target="http://10.0.0.1:80",upstream="app"} 0
gateway_upstream_target_state{target="http://10.0.0.2:80",upstream="app"} 2
agent_connections_active{agent="rate\\"limit"} 0
agent_in_flight_requests{agent="waf"} 3
agent_queue_depth{agent="waf"} 1
agent_flow_paused{agent="waf"} 1
agent_request_duration_seconds_bucket{agent="waf",decision="all",le="0.001"} ${20 * factor}
agent_request_duration_seconds_bucket{agent="waf",decision="all",le="0.0025"} ${40 * factor}
agent_request_duration_seconds_bucket{agent="waf",decision="all",le="+Inf"} ${40 * factor}
agent_request_duration_seconds_count{agent="waf",decision="all"} ${40 * factor}
agent_circuit_breaker_state{agent="rate\\"limit"} 1
agent_errors_total{agent="rate\\"limit",type="ERR_CIRCUIT_OPEN"} ${70 * factor}
agent_errors_total{agent="rate\\"limit",type="ERR_TIMEOUT"} ${5 * factor}
agent_failures_total{agent="rate\\"limit",policy="closed",reason="unavailable"} ${80 * factor}
`;
const reading = readTop({ atMs: 1_000, text: page(1) }, { atMs: 3_000, text: page(2) });
const view: TopView = { sort: 'agent', paused: false, only: undefined };

describe('top', () => {
  test('reads rates, percentiles and gauges from two pages', () => {
    expect(reading).toMatchObject({
      seconds: 2,
      gateway: {
        ratePerSecond: 55,
        p50: 5,
        active: 7,
        queued: 2,
        upstreamConnections: 5,
        bytesInPerSecond: 1_000,
        decisionsPerSecond: { allowed: 50, blocked: 5 },
      },
      agents: [
        {
          agent: 'rate"limit',
          breaker: 'open',
          flow: 'not connected',
          p50: null,
          errorsPerSecond: { ERR_CIRCUIT_OPEN: 35, ERR_TIMEOUT: 2.5 },
          failuresPerSecond: { unavailable: 40 },
        },
        { agent: 'waf', ratePerSecond: 20, p50: 1, breaker: 'closed', flow: 'paused', inFlight: 3, queued: 1 },
      ],
    });
    expect(reading.agents[1]?.p95).toBeCloseTo(2.35);
  });

  test('takes a counter that fell for one that began anew', () => {
    expect(readTop({ atMs: 0, text: page(3) }, { atMs: 1_000, text: page(1) }).gateway.ratePerSecond).toBe(110);
  });

  test('draws the screen', () => {
    const earlier = { ...reading, gateway: { ...reading.gateway, ratePerSecond: 10 } };
    expect(drawTop([earlier, reading], view, { columns: 160, rows: 40 })).toEqual([
      'agentwire top',
      '',
      'requests 55/s   p50 5.0 ms   p95 9.5 ms   p99 9.9 ms   ▂█',
      'active 7   upstream 5 in use, 2 waiting   in 1000 B/s   out 150.0k B/s   event loop 2.1 ms',
      'decisions allowed 50/s, blocked 5/s   from the cache 3/s',
      'targets 1 of 2 healthy   app http://10.0.0.2:80 unhealthy',
      '',
      'AGENT       REQ/S  P50  P95  P99  FLIGHT  QUEUE  CONNS  BREAKER  FLOW           FAILED/S  ERRORS                                    LAST MINUTE',
      '──────────  ─────  ───  ───  ───  ──────  ─────  ─────  ───────  ─────────────  ────────  ────────────────────────────────────────  ───────────',
      'rate"limit      0    –    –    –       0      0      0  open     not connected        40  ERR_CIRCUIT_OPEN 35/s, ERR_TIMEOUT 2.5/s  ▁▁',
      'waf            20  1.0  2.4  2.5       3      1      4  closed   paused                0  –                                         ██',
      '',
      's sort: agent   1–9 one agent, 0 all   p pause   q quit',
    ]);
  });

  test('fits the screen, sorts, and shows one agent', () => {
    const small = drawTop([reading], { ...view, paused: true }, { columns: 40, rows: 8 });
    expect(small).toHaveLength(8);
    expect(small.every((text) => text.length <= 40)).toBe(true);
    expect(small[0]).toBe('agentwire top — paused');
    const names = (one: TopView): string[] =>
      drawTop([reading], one, { columns: 200, rows: 40 })
        .slice(9, -2)
        .map((text) => text.split(' ', 1)[0] ?? '');
    expect(names({ ...view, sort: 'rate' })).toEqual(['waf', 'rate"limit']);
    expect(names({ ...view, sort: 'errors' })).toEqual(['rate"limit', 'waf']);
    expect(names({ ...view, only: 'waf' })).toEqual(['waf']);
    expect(sortedAgents(reading, 'rate').map(({ agent }) => agent)).toEqual(['waf', 'rate"limit']);
  });

  test('has no control characters of names on the screen', () => {
    const text = 'agent_connections_active{agent="a\u001b[2Jb"} 1\n';
    const hostile = readTop({ atMs: 0, text }, { atMs: 1, text });
    expect(drawTop([hostile], view, { columns: 200, rows: 40 }).join('')).not.toContain('\u001b');
  });

  test('survives pages that are made to stop it', () => {
    const text = `gateway_requests_total{decision="constructor"} 5\nagent_errors_total{agent="a",type="__proto__"} 3\n`;
    const shown = readTop(
      { atMs: 0, text: '' },
      { atMs: 1_000, text: `agent_connections_active{agent="a"} 1\n${text}` },
    );
    expect(Object.entries(shown.gateway.decisionsPerSecond)).toEqual([['constructor', 5]]);
    expect(Object.entries(shown.agents[0]?.errorsPerSecond ?? {})).toEqual([['__proto__', 3]]);
    expect(drawTop([shown], view, { columns: 200, rows: 40 }).join('\n')).toMatch(/constructor 5\/s[^]*__proto__ 3\/s/);
    const word = 'a'.repeat(400_000);
    expect(parseMetrics(`x{${word}} 1\nx{${word}="b"} 2\n`).get('x')).toMatchObject([
      { labels: {} },
      { labels: { [word]: 'b' } },
    ]);
    const [agent] = reading.agents;
    const many = { ...reading, agents: Array.from({ length: 200_000 }, (_, at) => ({ ...agent!, agent: `a${at}` })) };
    expect(drawTop([many], view, { columns: 200, rows: 40 })).toHaveLength(40);
  });

  test('takes a terminal without a size for one of 120 by 40', () => {
    expect([{}, { columns: 0, rows: 0 }, { columns: 80, rows: 24 }].map(screenSize)).toEqual([
      { columns: 120, rows: 40 },
      { columns: 120, rows: 40 },
      { columns: 80, rows: 24 },
    ]);
  });

  test('knows its keys', () => {
    const agents = ['a', 'b'];
    expect(pressKey('s', view, agents)).toMatchObject({ sort: 'rate' });
    expect(pressKey('s', { ...view, sort: 'errors' }, agents)).toMatchObject({ sort: 'agent' });
    expect(pressKey('p', view, agents)).toMatchObject({ paused: true });
    expect(pressKey('2', view, agents)).toMatchObject({ only: 'b' });
    expect(pressKey('9', view, agents)).toEqual(view);
    expect(pressKey('0', { ...view, only: 'b' }, agents)).toEqual(view);
    expect(pressKey('q', view, agents)).toBeUndefined();
    // F5, Ctrl-Up, up, in application mode too, and Escape
    expect(keysOf('\u001b[15~s\u001b[1;5A\u001b[A\u001bOAp\u001b')).toEqual(['s', 'p']);
    expect(pressKey('\u0003', view, agents)).toBeUndefined();
  });

  test('draws sparklines from 0 to the largest value', () => {
    expect(sparkline([0, 1, 2, 4, 8])).toBe('▁▂▃▅█');
    expect(sparkline([0, 0])).toBe('▁▁');
  });

  test('skips lines that are no samples', () => {
    expect(parseMetrics('# HELP x y\n<html>\n{}\nx{a="b\\\\c"} +Inf\n').get('x')).toEqual([
      { labels: { a: 'b\\c' }, labelText: 'a="b\\\\c"', value: Infinity },
    ]);
  });
});
