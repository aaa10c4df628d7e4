import type { MetricsReport, MetricType } from '@agentwire/core';
import { INSTANCE_METRIC } from '@agentwire/core/internal';
import { addUp, sumOf } from './add-series.ts';
import type { DropReason } from './dropped-measurements.ts';
import { METRIC_NAME } from './families.ts';
import type { MetricFamily } from './family.ts';
import { type Reported, seriesOf } from './reported-series.ts';
import type { Series } from './series.ts';

const MAX_SERIES_PER_REPORT = 1_000;
/** Processes of one agent that are told apart; what the one that is silent for the longest time counted is added to {@link GONE}. */
const MAX_INSTANCES = 64;
/** Instance with the counters of all that were too many. */
const GONE = '*';
/** Intervals of reports without one, after which a process has ended: its gauges count no more. */
const MAX_MISSED = 3;

/** Latest report of one process of an agent. */
interface InstanceReport {
  readonly reported: readonly Reported[];
  readonly receivedAtMs: number;
  readonly intervalMs: number;
}

const keyOf = ({ name, series }: Reported): string => `${name}${JSON.stringify(series.labels)}`;

/** Returns the process that a report is from; empty where the agent does not tell. */
function instanceOf({ gauges }: MetricsReport): string {
  const id = gauges.find(({ name }) => name === INSTANCE_METRIC)?.labels['instance'];
  return typeof id === 'string' && id !== GONE ? id.slice(0, 64) : '';
}

/**
 * Latest report of each process of each agent. A report replaces the one before of its process, so a process counts once over any number
 * of connections; what several processes of an agent count is added up. Counters of a process that has ended stay, so that none falls.
 */
export class ReportedMetrics {
  readonly #byAgent = new Map<string, Map<string, InstanceReport>>();
  readonly #maxSeries: number;
  #count = 0;

  constructor(maxSeries: number) {
    this.#maxSeries = maxSeries;
  }

  /** Replaces the report of a process of an agent. `wallMs` is the time now. @returns why a part of it was dropped, if any was */
  set(
    agent: string,
    report: MetricsReport,
    wallMs: number,
    reserved: (name: string) => boolean,
  ): DropReason | undefined {
    // a clock that is ahead would outlast the reports after it
    const reportedAtMs = Math.min(report.timestampMs, wallMs) || 0;
    const reportedBy = instanceOf(report);
    const instances = this.#byAgent.get(agent) ?? new Map<string, InstanceReport>();
    this.#byAgent.set(agent, instances);
    this.#put(instances, reportedBy, undefined);
    if (instances.size >= MAX_INSTANCES) this.#foldOldest(instances);
    const room = Math.min(MAX_SERIES_PER_REPORT, this.#maxSeries - this.#count);
    const kept: Reported[] = [];
    const types = new Map<string, MetricType>();
    const keys = new Set<string>();
    let dropped: DropReason | undefined;
    for (const one of seriesOf(agent, report)) {
      if (one.name === INSTANCE_METRIC) continue;
      const key = keyOf(one);
      if (reserved(one.name) || !METRIC_NAME.test(one.name)) dropped = 'name';
      else if (kept.length >= room) dropped = 'series';
      else if ((types.get(one.name) ?? one.type) !== one.type || keys.has(key)) dropped = 'type';
      else {
        types.set(one.name, one.type);
        keys.add(key);
        kept.push({ ...one, series: Object.assign(one.series, { reportedAtMs, reportedBy }) });
      }
    }
    const intervalMs = Number.isFinite(report.intervalMs) ? report.intervalMs : 0;
    this.#put(instances, reportedBy, { reported: kept, receivedAtMs: wallMs, intervalMs });
    return dropped;
  }

  #put(instances: Map<string, InstanceReport>, instance: string, report: InstanceReport | undefined): void {
    this.#count += (report?.reported.length ?? 0) - (instances.get(instance)?.reported.length ?? 0);
    // deleted first, so that the one that is silent for the longest time is the first one
    instances.delete(instance);
    if (report !== undefined) instances.set(instance, report);
  }

  #foldOldest(instances: Map<string, InstanceReport>): void {
    const [oldest] = [...instances].find(([instance]) => instance !== GONE) ?? [GONE];
    const sums = new Map<string, Reported>();
    for (const instance of [GONE, oldest])
      for (const one of instances.get(instance)?.reported ?? []) {
        if (one.type === 'gauge') continue;
        const before = sums.get(keyOf(one));
        const series = before === undefined ? one.series : sumOf(before.series, one.series);
        sums.set(keyOf(one), { ...one, series: Object.assign(series, { reportedBy: GONE }) });
      }
    this.#put(instances, oldest, undefined);
    this.#put(instances, GONE, { reported: [...sums.values()], receivedAtMs: 0, intervalMs: 0 });
  }

  delete(agent: string): void {
    const instances = this.#byAgent.get(agent);
    for (const instance of instances?.keys() ?? []) this.#put(instances as never, instance, undefined);
    this.#byAgent.delete(agent);
  }

  /** One family per name; where agents disagree on its type, that of the first one stays. @param byInstance does not add up processes */
  families(byInstance: boolean): MetricFamily[] {
    const families = new Map<string, MetricFamily & { readonly series: Series[] }>();
    for (const { name, type, help, series } of this.#current()) {
      const family = families.get(name);
      if (family === undefined) families.set(name, { name, type, help, series: [series] });
      else if (family.type === type) family.series.push(series);
    }
    if (byInstance) return [...families.values()];
    return Array.from(families.values(), (family) => ({ ...family, series: addUp(family.series) }));
  }

  /** Returns what counts: all counters and histograms, and gauges of processes that still report. */
  #current(): Reported[] {
    return [...this.#byAgent.values()].flatMap((instances) => {
      const all = [...instances.values()];
      const newestMs = Math.max(...all.map(({ receivedAtMs }) => receivedAtMs));
      return all.flatMap(({ reported, receivedAtMs, intervalMs }) => {
        const lives = receivedAtMs + MAX_MISSED * intervalMs >= newestMs;
        return lives ? reported : reported.filter(({ type }) => type !== 'gauge');
      });
    });
  }
}
