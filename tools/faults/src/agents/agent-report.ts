import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Counters of the agent program. */
export interface AgentSide {
  /** Handlers of `/watch` that began. */
  started: number;
  /** Handlers that have not decided. */
  running: number;
  /** Times at which each `/watch` was cancelled, on the monotonic clock of the machine, since the last report. */
  aborted: number[];
  /** Unhandled rejections, exceptions and warnings. */
  uncaught: string[];
}

/** Report of the agent program. */
export interface AgentReport extends AgentSide {
  readonly rssBytes: number;
  /** Part of it that is V8's young generation, which grows with the load and not with what is held. */
  readonly youngBytes: number;
  /** Processor time that it has used, in milliseconds. */
  readonly cpuMs: number;
  /** Heap and what hangs on it, after a collection. */
  readonly heapBytes: number;
  /**
   * The longest that its event loop was blocked since the last report, in milliseconds; never more than the processor time
   * that it used, for a machine with other work blocks it too.
   */
  readonly blockedMs: number;
  /** Active handles, by kind. */
  readonly handles: Readonly<Record<string, number>>;
}

const RESOLUTION_MS = 1;
const LOOK_MS = 100;
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
let cpuBefore = process.cpuUsage();
let collect: (() => void) | undefined;

/** Counts what keeps this process's event loop alive, by kind; timers are left out, for they come and go. */
export function countHandles(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    if (kind === 'Timeout' || kind === 'Immediate') continue;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** Collects garbage, twice: a first collection leaves what only weak references and finalizers held. So only reachable memory is measured. */
export function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as () => void;
  }
  collect();
  collect();
}

let youngBytes = 0;

/** Returns the most memory that this process's young generation has had, in bytes: its pages stay with the process. */
export function youngGeneration(): number {
  const space = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'new_space');
  youngBytes = Math.max(youngBytes, space?.physical_space_size ?? 0);
  return youngBytes;
}
setInterval(youngGeneration, LOOK_MS).unref();

/** Collects garbage, looks, and empties the list of aborts. */
export function readReport(side: AgentSide): AgentReport {
  const { user, system } = process.cpuUsage(cpuBefore);
  const blockedMs = Math.min((user + system) / 1000, Math.max(0, delays.max / 1e6 - RESOLUTION_MS));
  delays.enable();
  collectGarbage();
  const { rss, heapUsed, external } = process.memoryUsage();
  const total = process.cpuUsage();
  const cpuMs = (total.user + total.system) / 1000;
  const report = {
    ...side,
    rssBytes: rss,
    youngBytes: youngGeneration(),
    cpuMs,
    heapBytes: heapUsed + external,
    blockedMs,
    handles: countHandles(),
  };
  side.aborted = [];
  // the collection above is none of what is looked for
  setImmediate(() =>
    setTimeout(() => {
      delays.reset();
      cpuBefore = process.cpuUsage();
    }, 2),
  );
  return report;
}
