import type { MetricsReport, MetricType } from '@agentwire/core';
import { INSTANCE_METRIC } from '@agentwire/core/internal';
import { addUp, sumOf } from './add-series.ts';
import { AgentSeries, MAX_AGENT_SERIES, MAX_HELD_SERIES } from './agent-series.ts';
import type { DropReason } from './dropped-measurements.ts';
import { METRIC_NAME } from './families.ts';
import type { MetricFamily } from './family.ts';
import { type Reported, seriesOf } from './reported-series.ts';
import type { Series } from './series.ts';

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

/** Reports of the processes of one agent, the one that is silent for the longest time first. */
interface AgentReports {
  readonly instances: Map<string, InstanceReport>;
  readonly held: AgentSeries;
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
 * The bound on series is one for each agent, over all of its processes, so that none takes the place of another agent.
 */
export class ReportedMetrics {
  readonly #byAgent = new Map<string, AgentReports>();
  readonly #maxSeries: number;

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
    const reports = this.#byAgent.get(agent) ?? {
      instances: new Map<string, InstanceReport>(),
      held: new AgentSeries(),
    };
    const { instances, held } = reports;
    const all = [...seriesOf(agent, report)].filter(({ name }) => name !== INSTANCE_METRIC);
    const before = new Set(instances.get(reportedBy)?.reported.map(keyOf));
    this.#byAgent.set(agent, reports);
    this.#remove(reports, reportedBy);
    this.#makeRoom(reports, wallMs);
    const room = this.#maxSeries - this.#sizeWithout(agent);
    const kept: Reported[] = [];
    const types = new Map<string, MetricType>();
    const keys = new Set<string>();
    let dropped: DropReason | undefined;
    const keep = (one: Reported, key: string): DropReason | undefined => {
      if (reserved(one.name) || !METRIC_NAME.test(one.name)) return 'name';
      if ((types.get(one.name) ?? one.type) !== one.type || keys.has(key)) return 'type';
      if (!held.add(key, room)) return 'series';
      types.set(one.name, one.type);
      keys.add(key);
      kept.push({ ...one, series: Object.assign(one.series, { reportedAtMs, reportedBy }) });
      return undefined;
    };
    const keyed = all.map((one) => ({ one, key: keyOf(one) }));
    // those it had come first: a new one takes the place of none, for which a counter would fall
    for (const { one, key } of keyed) if (before.has(key)) dropped = keep(one, key) ?? dropped;
    for (const { one, key } of keyed) if (!before.has(key)) dropped = keep(one, key) ?? dropped;
    const intervalMs = Number.isFinite(report.intervalMs) ? report.intervalMs : 0;
    instances.set(reportedBy, { reported: kept, receivedAtMs: wallMs, intervalMs });
    return dropped;
  }

  #sizeWithout(agent: string): number {
    let size = 0;
    for (const [name, { held }] of this.#byAgent) if (name !== agent) size += held.size;
    return size;
  }

  #remove({ instances, held }: AgentReports, instance: string): void {
    for (const one of instances.get(instance)?.reported ?? []) held.delete(keyOf(one));
    instances.delete(instance);
  }

  /** Makes room for a report; for its series only processes that have ended are folded, as another one would count twice with its next. */
  #makeRoom(reports: AgentReports, wallMs: number): void {
    const { instances, held } = reports;
    for (;;) {
      const [oldest, report] = [...instances].find(([instance]) => instance !== GONE) ?? [];
      if (oldest === undefined || report === undefined) return;
      const hasEnded = report.receivedAtMs + MAX_MISSED * report.intervalMs < wallMs;
      const isFull = hasEnded && held.held > MAX_HELD_SERIES - MAX_AGENT_SERIES;
      if (instances.size < MAX_INSTANCES && !isFull) return;
      this.#fold(reports, oldest);
    }
  }

  #fold(reports: AgentReports, oldest: string): void {
    const { instances, held } = reports;
    const sums = new Map<string, Reported>();
    for (const instance of [GONE, oldest])
      for (const one of instances.get(instance)?.reported ?? []) {
        if (one.type === 'gauge') continue;
        const before = sums.get(keyOf(one));
        const series = before === undefined ? one.series : sumOf(before.series, one.series);
        sums.set(keyOf(one), { ...one, series: Object.assign(series, { reportedBy: GONE }) });
      }
    this.#remove(reports, GONE);
    this.#remove(reports, oldest);
    // all of these had their place until now
    for (const key of sums.keys()) held.add(key, Infinity);
    instances.set(GONE, { reported: [...sums.values()], receivedAtMs: 0, intervalMs: 0 });
  }

  delete(agent: string): void {
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
    return [...this.#byAgent.values()].flatMap(({ instances }) => {
      const all = [...instances.values()];
      const newestMs = Math.max(...all.map(({ receivedAtMs }) => receivedAtMs));
      return all.flatMap(({ reported, receivedAtMs, intervalMs }) => {
        const lives = receivedAtMs + MAX_MISSED * intervalMs >= newestMs;
        return lives ? reported : reported.filter(({ type }) => type !== 'gauge');
      });
    });
  }
}
