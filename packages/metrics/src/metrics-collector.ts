import {
  type Clock,
  type Logger,
  type MetricsRecorder,
  type MetricsReport,
  type MetricsSource,
  type MetricType,
  type OwnMetrics,
  systemClock,
} from '@agentwire/core';
import {
  checkOptions,
  containRejection,
  type MetricHandle,
  type MetricLabels,
  OPTION,
  type OptionTable,
} from '@agentwire/core/internal';
import { DroppedMeasurements } from './dropped-measurements.ts';
import type { MetricDefinition } from './families.ts';
import { labelValue, type MetricFamily, sampleNames } from './family.ts';
import { FamilyTable } from './family-table.ts';
import { type ExportFormat, exportText } from './prometheus.ts';
import { ReportedMetrics } from './reported-metrics.ts';
import type { Exemplar, RecordedSeries } from './series.ts';
import { type MetricsSnapshot, reportOf, snapshotOf } from './snapshot.ts';

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
export class MetricsCollector implements MetricsRecorder, MetricsSource {
  readonly #collectors = new Set<() => void>();
  readonly #table: FamilyTable;
  readonly #reported: ReportedMetrics;
  readonly #dropped: DroppedMeasurements;
  readonly #logger: Logger | undefined;
  readonly #clock: Clock;

  /** @throws AgentwireError `ERR_INVALID_ARGUMENT` naming a wrong or unknown option */
  constructor(options: MetricsCollectorOptions = {}) {
    checkOptions('MetricsCollector', options, TABLE);
    const maxSeries = options.maxSeries ?? 10_000;
    this.#dropped = new DroppedMeasurements(options.logger, maxSeries);
    const { traceId } = options;
    const exemplarOf = traceId && ((value: number) => this.#exemplarOf(traceId, value));
    this.#table = new FamilyTable(options.definitions, maxSeries, this.#dropped, exemplarOf);
    this.#reported = new ReportedMetrics(maxSeries);
    this.#logger = options.logger;
    this.#clock = options.clock ?? systemClock;
  }

  /** Adds `value` to a counter; a negative or non-finite one is dropped. Default: 1. */
  count(name: string, labels: MetricLabels, value = 1): void {
    this.#record(this.#table.series(name, 'counter', labels), name, value);
  }

  /** Sets a gauge. */
  gauge(name: string, labels: MetricLabels, value: number): void {
    this.#record(this.#table.series(name, 'gauge', labels), name, value);
  }

  /** Adds one observation to a histogram, in seconds for durations; one that is not finite is dropped. */
  observe(name: string, labels: MetricLabels, value: number): void {
    this.#record(this.#table.series(name, 'histogram', labels), name, value);
  }

  #record(series: RecordedSeries | undefined, name: string, value: number): void {
    if (series !== undefined && !series.record(value)) this.#dropped.add('value', name);
  }

  /**
   * Returns one series, to be kept by a caller that records it often: 20 ns for each value instead of 60 ns with frozen labels, and 1 000 ns with
   * others. The series appears with its first value, and again with the next one after it was removed.
   */
  handle(type: MetricType, name: string, labels: MetricLabels): MetricHandle {
    const own = Object.freeze({ ...labels });
    let series: RecordedSeries | undefined;
    return {
      record: (value) => {
        if (series === undefined || series.removed) series = this.#table.series(name, type, own);
        this.#record(series, name, value);
      },
    };
  }

  #exemplarOf(traceId: () => string | undefined, value: number): Exemplar | undefined {
    try {
      const id: unknown = traceId();
      containRejection(id, () => undefined);
      return typeof id === 'string'
        ? { traceId: labelValue(id), value, timestampMs: this.#clock.wallNow() }
        : undefined;
    } catch {
      return undefined;
    }
  }

  /**
   * Replaces what this process of `agent` reported before: its metrics appear under their own names with the label `agent`, those of
   * several processes added up. Names that agentwire records itself are dropped, so an agent cannot change those. An `AgentPool` calls
   * it with the reports of its agents.
   */
  recordReport(agent: string, report: MetricsReport): void {
    try {
      const dropped = this.#reported.set(agent, report, this.#clock.wallNow(), (name) => this.#table.reserves(name));
      if (dropped !== undefined) this.#dropped.add(dropped, report.agentId);
    } catch {
      this.#dropped.add('value', 'a report of another shape');
    }
  }

  /** Removes all series of an agent. An `AgentPool` calls it when the agent is removed. */
  removeAgent(agent: string): void {
    this.#reported.delete(agent);
    this.#table.removeAgent(agent);
  }

  /** Removes the series of a metric that have these labels, whatever other ones they have. */
  removeSeries(name: string, labels: MetricLabels): void {
    this.#table.remove(name, labels);
  }

  /** Calls `collect` before each export, to set gauges that are read rather than recorded. @returns a function that removes it */
  onCollect(collect: () => void): () => void {
    this.#collectors.add(collect);
    return () => void this.#collectors.delete(collect);
  }

  /**
   * Metrics in order of their names, after the functions of {@link onCollect} have run; for adapters.
   *
   * @param byInstance gives what the processes of an agent report one by one, in series with the same labels; default `false`
   */
  families(byInstance = false): readonly MetricFamily[] {
    const failed = (error: unknown): void => this.#logger?.error({ err: error }, 'a metrics collector failed');
    for (const collect of this.#collectors) {
      try {
        containRejection(collect(), failed);
      } catch (error) {
        failed(error);
      }
    }
    const reported = this.#reported.families(byInstance, this.#clock.wallNow());
    const all = [...this.#table.read(), ...this.#dropped.read(), ...reported];
    return this.#withoutClashes(all).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Leaves out families with a sample name of an earlier one, for which a page would be invalid: reports of agents come last. */
  #withoutClashes(families: readonly MetricFamily[]): MetricFamily[] {
    const taken = new Set<string>();
    return families.filter((family) => {
      const names = sampleNames(family);
      if (names.some((name) => taken.has(name))) {
        if (!this.#dropped.has('name')) this.#dropped.add('name', family.name);
        return false;
      }
      for (const name of names) taken.add(name);
      return true;
    });
  }

  /** Returns all values in the shape of an agent's report, for `serveAgent({ metrics })`. */
  report(): OwnMetrics {
    return reportOf(this.families());
  }

  /** Returns all values at this moment, with totals over all agents. */
  snapshot(): MetricsSnapshot {
    return snapshotOf(this.families());
  }

  /**
   * Returns all metrics as text: Prometheus 0.0.4, or OpenMetrics 1.0 with exemplars. Default: `prometheus`. It takes about 2 ms
   * for 1 000 series; {@link metricsHandler} writes in pieces instead.
   *
   * @throws AgentwireError `ERR_INVALID_ARGUMENT` for another format
   */
  exportPrometheus(format: ExportFormat = 'prometheus'): string {
    OPTION.oneOf('prometheus', 'openmetrics')('format', format);
    return exportText(this.families(), format);
  }
}
