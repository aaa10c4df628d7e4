import { parseMetrics, type Sample } from './parse-metrics.ts';

/** Latencies in milliseconds; `null` where nothing was measured. */
export interface Percentiles {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
}

/** One agent over an interval. */
export interface AgentRow extends Percentiles {
  readonly agent: string;
  readonly ratePerSecond: number;
  readonly inFlight: number;
  readonly queued: number;
  readonly connections: number;
  readonly breaker: 'closed' | 'open';
  readonly flow: 'flowing' | 'paused' | 'not connected';
  /** Failed requests per second, by error code. */
  readonly errorsPerSecond: Readonly<Record<string, number>>;
  /** Events per second that its failure policy decided, by reason; also those that it was not asked about. */
  readonly failuresPerSecond: Readonly<Record<string, number>>;
}

/** One target of a named upstream. */
export interface TargetRow {
  readonly upstream: string;
  readonly target: string;
  readonly state: 'healthy' | 'ejected' | 'unhealthy';
}

const TARGET_STATES = ['healthy', 'ejected', 'unhealthy'] as const;

/** Whole gateway over an interval. */
interface GatewayRow extends Percentiles {
  readonly ratePerSecond: number;
  readonly active: number;
  readonly queued: number;
  /** Connections to upstreams that have a request. */
  readonly upstreamConnections: number;
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
  /** 99th percentile of the delay of the event loop, in milliseconds; `null` where it is not measured. */
  readonly eventLoopLagMs: number | null;
  /** Requests per second by decision. */
  readonly decisionsPerSecond: Readonly<Record<string, number>>;
  /** Decisions of agents per second that came from the cache. */
  readonly cachedPerSecond: number;
  readonly targets: readonly TargetRow[];
}

/** State of a gateway and its agents over an interval. */
export interface TopReading {
  /** Length of the interval in seconds. */
  readonly seconds: number;
  readonly gateway: GatewayRow;
  readonly agents: readonly AgentRow[];
}

/** Page of metrics, and the time at which it was read. */
export interface TimedPage {
  readonly atMs: number;
  readonly text: string;
}

type Page = ReadonlyMap<string, readonly Sample[]>;
type Where = Readonly<Record<string, string>>;

const matches = ({ labels }: Sample, where: Where): boolean =>
  Object.entries(where).every(([name, value]) => labels[name] === value);

/** Groups the samples of each metric by agent: a gateway may ask a thousand. */
function byAgent(page: Page): ReadonlyMap<string, ReadonlyMap<string, readonly Sample[]>> {
  return new Map(
    [...page].map(([name, samples]) => [name, Map.groupBy(samples, ({ labels }) => labels['agent'] ?? '')]),
  );
}

/** Differences of one page to the one before; a counter that fell began anew. */
class Interval {
  readonly #before = new Map<string, ReadonlyMap<string, number>>();
  readonly #after: Page;
  readonly #agents: ReturnType<typeof byAgent>;
  readonly seconds: number;

  constructor(before: TimedPage, after: TimedPage) {
    for (const [name, samples] of parseMetrics(before.text))
      this.#before.set(name, new Map(samples.map(({ labelText, value }) => [labelText, value])));
    this.#after = parseMetrics(after.text);
    this.#agents = byAgent(this.#after);
    this.seconds = Math.max(0.001, (after.atMs - before.atMs) / 1_000);
  }

  now(name: string, where: Where = {}): readonly Sample[] {
    const { agent, ...others } = where;
    const samples = agent === undefined ? this.#after.get(name) : this.#agents.get(name)?.get(agent);
    return (samples ?? []).filter((sample) => matches(sample, others));
  }

  sum(name: string, where: Where = {}): number {
    return this.now(name, where).reduce((sum, { value }) => sum + value, 0);
  }

  #grown(name: string, sample: Sample): number {
    const before = this.#before.get(name)?.get(sample.labelText) ?? 0;
    return sample.value >= before ? sample.value - before : sample.value;
  }

  rate(name: string, where: Where = {}): number {
    return this.now(name, where).reduce((sum, sample) => sum + this.#grown(name, sample), 0) / this.seconds;
  }

  /** Returns rates above 0 by the value of a label. */
  ratesBy(label: string, name: string, where: Where = {}): Record<string, number> {
    // a label may be called `constructor`
    const rates = Object.create(null) as Record<string, number>;
    for (const sample of this.now(name, where)) {
      const rate = this.#grown(name, sample) / this.seconds;
      const key = sample.labels[label] ?? '';
      if (rate > 0) rates[key] = (rates[key] ?? 0) + rate;
    }
    return rates;
  }

  /** Returns percentiles of a histogram in seconds, linear within a bucket as Prometheus computes them. */
  percentiles(name: string, where: Where = {}): Percentiles {
    const counts = new Map<number, number>();
    for (const sample of this.now(`${name}_bucket`, where)) {
      const le = sample.labels['le'] === '+Inf' ? Infinity : Number(sample.labels['le']);
      counts.set(le, (counts.get(le) ?? 0) + this.#grown(`${name}_bucket`, sample));
    }
    const buckets = [...counts].toSorted(([a], [b]) => a - b);
    return { p50: quantile(0.5, buckets), p95: quantile(0.95, buckets), p99: quantile(0.99, buckets) };
  }
}

/** Returns a quantile in milliseconds of cumulative buckets; past the last bound it is that bound. */
function quantile(share: number, buckets: readonly (readonly [number, number])[]): number | null {
  const total = buckets.at(-1)?.[1] ?? 0;
  if (total === 0) return null;
  const wanted = share * total;
  let [lower, below] = [0, 0];
  for (const [le, count] of buckets) {
    if (count >= wanted) {
      const inside = count === below ? 1 : (wanted - below) / (count - below);
      return (le === Infinity ? lower : lower + (le - lower) * inside) * 1_000;
    }
    [lower, below] = [le, count];
  }
  return lower * 1_000;
}

function flowOf(interval: Interval, agent: string): AgentRow['flow'] {
  if (interval.sum('agent_connections_active', { agent }) === 0) return 'not connected';
  return interval.sum('agent_flow_paused', { agent }) > 0 ? 'paused' : 'flowing';
}

/** Compares two pages of a gateway's metrics. */
export function readTop(before: TimedPage, after: TimedPage): TopReading {
  const interval = new Interval(before, after);
  const names = new Set(interval.now('agent_connections_active').map(({ labels }) => labels['agent'] ?? ''));
  for (const { labels } of interval.now('agent_in_flight_requests')) names.add(labels['agent'] ?? '');
  const lag = interval.now('process_event_loop_lag_seconds', { stat: 'p99' })[0]?.value;
  return {
    seconds: interval.seconds,
    gateway: {
      ratePerSecond: interval.rate('gateway_requests_total'),
      ...interval.percentiles('gateway_request_duration_seconds'),
      active: interval.sum('gateway_active_requests'),
      queued: interval.sum('gateway_upstream_queue_depth'),
      upstreamConnections: interval.sum('gateway_upstream_connections', { state: 'busy' }),
      bytesInPerSecond: interval.rate('gateway_request_bytes_total'),
      bytesOutPerSecond: interval.rate('gateway_response_bytes_total'),
      eventLoopLagMs: lag === undefined ? null : lag * 1_000,
      decisionsPerSecond: interval.ratesBy('decision', 'gateway_requests_total'),
      cachedPerSecond: interval.rate('agent_cached_decisions_total'),
      targets: interval.now('gateway_upstream_target_state').map(({ labels, value }) => ({
        upstream: labels['upstream'] ?? '',
        target: labels['target'] ?? '',
        state: TARGET_STATES[value] ?? 'unhealthy',
      })),
    },
    agents: [...names].toSorted().map((agent) => ({
      agent,
      ratePerSecond: interval.rate('agent_request_duration_seconds_count', { agent }),
      ...interval.percentiles('agent_request_duration_seconds', { agent }),
      inFlight: interval.sum('agent_in_flight_requests', { agent }),
      queued: interval.sum('agent_queue_depth', { agent }),
      connections: interval.sum('agent_connections_active', { agent }),
      breaker: interval.sum('agent_circuit_breaker_state', { agent }) > 0 ? 'open' : 'closed',
      flow: flowOf(interval, agent),
      errorsPerSecond: interval.ratesBy('type', 'agent_errors_total', { agent }),
      failuresPerSecond: interval.ratesBy('reason', 'agent_failures_total', { agent }),
    })),
  };
}
