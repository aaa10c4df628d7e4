import {
  AgentwireError,
  type Clock,
  type Logger,
  type MetricsRecorder,
  type MetricsReport,
  systemClock,
} from '@agentwire/core';
import { checkOptions, type MetricLabels, OPTION, type OptionTable } from '@agentwire/core/internal';
import { helpOf, KNOWN_METRICS, type MetricDefinition, type MetricType } from './families.ts';
import { Family, LABEL_NAME, METRIC_NAME, type MetricFamily } from './family.ts';
import { type ExportFormat, exportText } from './prometheus.ts';
import { type HistogramSeries, ScalarSeries, type Series } from './series.ts';
import { type DropReason, ReportedMetrics } from './reported-metrics.ts';
import { type MetricsSnapshot, snapshotOf } from './snapshot.ts';

/** Settings of a {@link MetricsCollector}. */
export interface MetricsCollectorOptions {
  /**
   * Series over all metrics; one is a metric with one set of labels. Past it new series are dropped and counted in
   * `agentwire_metrics_dropped_total`. 1 to 1 000 000, default 10 000.
   */
  readonly maxSeries?: number | undefined;
  /** Further metrics by name, with help texts and buckets; they may replace those of agentwire. Default: none. */
  readonly definitions?: Readonly<Record<string, MetricDefinition>> | undefined;
  /** Trace id of the active span, for exemplars in OpenMetrics; see {@link activeTraceId}. Default: no exemplars. */
  readonly traceId?: (() => string | undefined) | undefined;
  /** Logs dropped series and failing collectors. Default: silent. */
  readonly logger?: Logger | undefined;
  /** Source of time for exemplars. Default: the system's clock. */
  readonly clock?: Clock | undefined;
}

const TABLE: OptionTable<MetricsCollectorOptions> = {
  maxSeries: OPTION.integer(1, 1_000_000),
  definitions: OPTION.object,
  traceId: OPTION.function,
  logger: OPTION.logger,
  clock: OPTION.clock,
};

/**
 * Recorder that keeps its own counters, gauges and histograms, so Prometheus text needs no SDK. Give it to everything that takes
 * `metrics`. Recording never throws: a measurement that cannot be kept is dropped, counted and logged once.
 */
export class MetricsCollector implements MetricsRecorder {
  readonly #families = new Map<string, Family>();
  readonly #collectors = new Set<() => void>();
  readonly #definitions: Readonly<Record<string, MetricDefinition>>;
  readonly #maxSeries: number;
  readonly #traceId: (() => string | undefined) | undefined;
  readonly #logger: Logger | undefined;
  readonly #clock: Clock;
  readonly #reported: ReportedMetrics;
  readonly #dropped = new Map<DropReason, number>();
  #seriesCount = 0;

  /** @throws AgentwireError `ERR_INVALID_ARGUMENT` naming a wrong or unknown option */
  constructor(options: MetricsCollectorOptions = {}) {
    checkOptions('MetricsCollector', options, TABLE);
    this.#maxSeries = options.maxSeries ?? 10_000;
    this.#definitions = Object.assign(Object.create(null) as object, KNOWN_METRICS, options.definitions);
    for (const [name, { type, buckets }] of Object.entries(this.#definitions)) checkDefinition(name, type, buckets);
    this.#reported = new ReportedMetrics(this.#maxSeries);
    this.#traceId = options.traceId;
    this.#logger = options.logger;
    this.#clock = options.clock ?? systemClock;
  }

  /** Adds `value` to a counter; a negative or non-finite one is dropped. Default: 1. */
  count(name: string, labels: MetricLabels, value = 1): void {
    const series = this.#series(name, 'counter', labels);
    if (series === undefined) return;
    // text from JavaScript would be appended
    if (typeof value === 'number' && value >= 0 && value < Infinity) (series as { value: number }).value += value;
    else this.#drop('value', name);
  }

  /** Sets a gauge. */
  gauge(name: string, labels: MetricLabels, value: number): void {
    const series = this.#series(name, 'gauge', labels);
    if (series === undefined) return;
    if (typeof value === 'number') (series as { value: number }).value = value;
    else this.#drop('value', name);
  }

  /** Adds one observation to a histogram, in seconds for durations; one that is not finite is dropped. */
  observe(name: string, labels: MetricLabels, value: number): void {
    const series = this.#series(name, 'histogram', labels);
    if (series === undefined) return;
    if (!Number.isFinite(value)) return this.#drop('value', name);
    const traceId = this.#activeTrace();
    (series as HistogramSeries).observe(
      value,
      traceId === undefined ? undefined : { traceId, value, timestampMs: this.#clock.wallNow() },
    );
  }

  /**
   * Replaces what `agent` reported before: its metrics appear under their own names with the label `agent`. Names that agentwire
   * records itself are dropped, so an agent cannot change those.
   */
  recordReport(agent: string, report: MetricsReport): void {
    try {
      const reserved = (name: string): boolean => name in this.#definitions || this.#families.has(name);
      const dropped = this.#reported.set(agent, report, reserved);
      if (dropped !== undefined) this.#drop(dropped, report.agentId);
    } catch {
      this.#drop('value', 'a report of another shape');
    }
  }

  /** Removes all series of an agent, for example after it left the pool. */
  removeAgent(agent: string): void {
    this.#reported.delete(agent);
    for (const family of this.#families.values()) this.#seriesCount -= family.remove('agent', agent);
  }

  /** Calls `collect` before each export, to set gauges that are read rather than recorded. @returns a function that removes it */
  onCollect(collect: () => void): () => void {
    this.#collectors.add(collect);
    return () => void this.#collectors.delete(collect);
  }

  /** Metrics in order of their names, after the functions of {@link onCollect} have run; for adapters. */
  families(): readonly MetricFamily[] {
    for (const collect of this.#collectors) {
      try {
        collect();
      } catch (error) {
        this.#logger?.error({ err: error }, 'a metrics collector failed');
      }
    }
    const own = [...this.#families.values()].filter(({ size }) => size > 0).map((family) => family.read());
    const all = [...own, ...this.#droppedFamily(), ...this.#reported.families()];
    return this.#withoutClashes(all).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Leaves out families with a sample name of an earlier one, for which a page would be invalid: reports of agents come last. */
  #withoutClashes(families: readonly MetricFamily[]): MetricFamily[] {
    const taken = new Set<string>();
    return families.filter((family) => {
      const names = sampleNames(family);
      if (names.some((name) => taken.has(name))) {
        if (this.#dropped.get('name') === undefined) this.#drop('name', family.name);
        return false;
      }
      for (const name of names) taken.add(name);
      return true;
    });
  }

  #activeTrace(): string | undefined {
    try {
      return this.#traceId?.();
    } catch {
      return undefined;
    }
  }

  /** All values at this moment, with totals over all agents. */
  snapshot(): MetricsSnapshot {
    return snapshotOf(this.families());
  }

  /**
   * All metrics as text: Prometheus 0.0.4, or OpenMetrics 1.0 with exemplars. Default: `prometheus`.
   *
   * @throws AgentwireError `ERR_INVALID_ARGUMENT` for another format
   */
  exportPrometheus(format: ExportFormat = 'prometheus'): string {
    OPTION.oneOf('prometheus', 'openmetrics')('format', format);
    return exportText(this.families(), format);
  }

  #series(name: string, type: MetricType, labels: MetricLabels): Series | undefined {
    let family = this.#families.get(name);
    if (family === undefined) {
      if (!METRIC_NAME.test(name)) return this.#drop('name', name);
      const known = this.#definitions[name] ?? { type, help: helpOf(name) };
      // names are bounded as their series are: a family without any would never be removed
      if (this.#seriesCount >= this.#maxSeries) return this.#drop('series', name);
      family = new Family(name, known);
      this.#families.set(name, family);
    }
    if (family.type !== type) return this.#drop('type', name);
    try {
      return family.of(labels, () => this.#mayCreate(name, labels));
    } catch {
      // labels that are no object, or that throw when they are read
      return this.#drop('name', name);
    }
  }

  #mayCreate(name: string, labels: MetricLabels): boolean {
    if (this.#seriesCount >= this.#maxSeries) this.#drop('series', name);
    else if (!Object.keys(labels).every((label) => LABEL_NAME.test(label))) this.#drop('name', name);
    else {
      this.#seriesCount++;
      return true;
    }
    return false;
  }

  #drop(reason: DropReason, name: string): undefined {
    const before = this.#dropped.get(reason) ?? 0;
    this.#dropped.set(reason, before + 1);
    if (before === 0)
      this.#logger?.warn(
        { metric: name.slice(0, 256), reason, maxSeries: this.#maxSeries },
        'measurements are dropped; see agentwire_metrics_dropped_total',
      );
  }

  #droppedFamily(): MetricFamily[] {
    if (this.#dropped.size === 0) return [];
    const series = [...this.#dropped].map(([reason, value]) => Object.assign(new ScalarSeries({ reason }), { value }));
    const help = 'Measurements that were dropped, by reason.';
    return [{ name: 'agentwire_metrics_dropped_total', type: 'counter', help, series }];
  }
}

function checkDefinition(name: string, type: unknown, buckets: readonly number[] | undefined): void {
  const wrong = (what: string): AgentwireError =>
    new AgentwireError('ERR_INVALID_ARGUMENT', `definitions.${name.slice(0, 256)} ${what}`);
  if (!METRIC_NAME.test(name))
    throw wrong('is not a metric name: letters, digits, _ and :, not beginning with a digit');
  if (type !== 'counter' && type !== 'gauge' && type !== 'histogram')
    throw wrong("must have type 'counter', 'gauge' or 'histogram'");
  if (buckets === undefined) return;
  const ascending = buckets.every((one, at) => Number.isFinite(one) && (at === 0 || one > (buckets[at - 1] as number)));
  if (!ascending || buckets.length === 0 || buckets.length > 100)
    throw wrong('must have 1 to 100 finite, ascending buckets');
}

/** Names of a family's samples and of the family itself, in both text formats. */
function sampleNames({ name, type }: MetricFamily): readonly string[] {
  if (type === 'histogram') return [name, ...['bucket', 'sum', 'count', 'created'].map((part) => `${name}_${part}`)];
  if (type === 'gauge') return [name];
  const base = name.replace(/_total$/, '');
  return [base, `${base}_total`, `${base}_created`];
}
