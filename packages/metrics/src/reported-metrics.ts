import type { MetricsReport, MetricType } from '@agentwire/core';
import { INSTANCE_METRIC, instanceOf } from '@agentwire/core/internal';
import { addUp } from './add-series.ts';
import { AgentSeries, MAX_AGENT_SERIES, MAX_HELD_SERIES } from './agent-series.ts';
import type { DropReason } from './dropped-measurements.ts';
import { METRIC_NAME } from './families.ts';
import type { MetricFamily } from './family.ts';
import { FOLDED, FoldedProcesses } from './folded-processes.ts';
import { type Reported, seriesOf } from './reported-series.ts';
import { HistogramSeries, type Series } from './series.ts';

/** Processes of one agent that are told apart; of those past it the one that is silent for the longest time is folded. */
const MAX_INSTANCES = 256;
/** Intervals of reports without one, after which a process has ended: its gauges count no more. */
const MAX_MISSED = 3;
/** Interval of a report that names none, in milliseconds. */
const DEFAULT_INTERVAL_MS = 10_000;

/** Latest report of one process of an agent. */
interface InstanceReport {
  readonly reported: ReadonlyMap<string, Reported>;
  readonly receivedAtMs: number;
  readonly intervalMs: number;
}

/** Reports of the processes of one agent, the one that is silent for the longest time first. */
interface AgentReports {
  readonly instances: Map<string, InstanceReport>;
  readonly folded: FoldedProcesses;
  readonly held: AgentSeries;
}

const keyOf = ({ name, series }: Reported): string => `${name}${JSON.stringify(series.labels)}`;

/**
 * Latest report of each process of each agent. A report replaces the one before of its process, so a process counts once over any number
 * of connections; what several processes of an agent count is added up. Counters of a process that has ended stay, so that none falls.
 * Those that are too many are folded into one sum, see {@link FoldedProcesses}.
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
    const named = instanceOf(report) ?? '';
    const reportedBy = named === FOLDED ? '' : named;
    const reports = this.#byAgent.get(agent) ?? {
      instances: new Map<string, InstanceReport>(),
      folded: new FoldedProcesses(),
      held: new AgentSeries(),
    };
    const { instances, folded, held } = reports;
    const all = [...seriesOf(agent, report)].filter(({ name }) => name !== INSTANCE_METRIC);
    const before = new Set(instances.get(reportedBy)?.reported.keys() ?? folded.keysOf(reportedBy));
    this.#byAgent.set(agent, reports);
    this.#remove(reports, reportedBy);
    folded.remove(reportedBy);
    this.#makeRoom(reports);
    const room = this.#maxSeries - this.#sizeWithout(agent);
    const kept = new Map<string, Reported>();
    const types = new Map<string, MetricType>();
    let dropped: DropReason | undefined;
    const keep = (one: Reported, key: string): DropReason | undefined => {
      const { series } = one;
      // of agents in memory, whose reports no codec has read
      if (typeof (series instanceof HistogramSeries ? series.sum : series.value) !== 'number') return 'value';
      if (reserved(one.name) || !METRIC_NAME.test(one.name)) return 'name';
      if ((types.get(one.name) ?? one.type) !== one.type || kept.has(key)) return 'type';
      if (!held.add(key, room)) return 'series';
      types.set(one.name, one.type);
      kept.set(key, { ...one, series: Object.assign(series, { reportedAtMs, reportedBy }) });
      return undefined;
    };
    const keyed = all.map((one) => ({ one, key: keyOf(one) }));
    // those it had come first: a new one takes the place of none, for which a counter would fall
    for (const { one, key } of keyed) if (before.has(key)) dropped = keep(one, key) ?? dropped;
    for (const { one, key } of keyed) if (!before.has(key)) dropped = keep(one, key) ?? dropped;
    const intervalMs = report.intervalMs > 0 ? report.intervalMs : DEFAULT_INTERVAL_MS;
    instances.set(reportedBy, { reported: kept, receivedAtMs: wallMs, intervalMs });
    return dropped;
  }

  #sizeWithout(agent: string): number {
    let size = 0;
    for (const [name, { held }] of this.#byAgent) if (name !== agent) size += held.size;
    return size;
  }

  #remove({ instances, held }: AgentReports, instance: string): void {
    for (const key of instances.get(instance)?.reported.keys() ?? []) held.delete(key);
    instances.delete(instance);
  }

  /** Folds those that are silent for the longest time until one more has room, and each of its series. */
  #makeRoom(reports: AgentReports): void {
    const { instances, folded, held } = reports;
    for (const [oldest, { reported }] of instances) {
      if (instances.size < MAX_INSTANCES && held.held <= MAX_HELD_SERIES - MAX_AGENT_SERIES) return;
      this.#remove(reports, oldest);
      // all of these had their place until now
      for (const key of folded.add(oldest, reported)) held.add(key, Infinity);
    }
  }

  delete(agent: string): void {
    this.#byAgent.delete(agent);
  }

  /**
   * One family per name; where agents disagree on its type, that of the first one stays.
   *
   * @param byInstance does not add up processes
   * @param wallMs the time now
   */
  families(byInstance: boolean, wallMs: number): MetricFamily[] {
    const families = new Map<string, MetricFamily & { readonly series: Series[] }>();
    for (const { name, type, help, series } of this.#current(byInstance, wallMs)) {
      const family = families.get(name);
      if (family === undefined) families.set(name, { name, type, help, series: [series] });
      else if (family.type === type) family.series.push(series);
    }
    if (byInstance) return [...families.values()];
    return Array.from(families.values(), (family) => ({ ...family, series: addUp(family.series) }));
  }

  /** Returns what counts: all counters and histograms, and gauges of processes that still report. */
  #current(byInstance: boolean, wallMs: number): Reported[] {
    return [...this.#byAgent.values()].flatMap(({ instances, folded }) => {
      const told = [...instances.values()].flatMap(({ reported, receivedAtMs, intervalMs }) => {
        const lives = receivedAtMs + MAX_MISSED * intervalMs >= wallMs;
        return [...reported.values()].filter(({ type }) => lives || type !== 'gauge');
      });
      return [...folded.reported(!byInstance), ...told];
    });
  }
}
