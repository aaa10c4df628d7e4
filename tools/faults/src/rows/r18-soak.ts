import { setTimeout as sleep } from 'node:timers/promises';
import { collectGarbage, countHandles, youngGeneration } from '../agents/agent-report.ts';
import { seededNumbers } from '../agents/random.ts';
import type { AgentProcess } from '../agents/agent-process.ts';
import { reportOn } from '../cell/agent-leaks.ts';
import type { Cell } from '../cell/cell.ts';
import { Pooled } from '../cell/pooled.ts';
import { dialSilent } from '../cell/raw-peer.ts';
import type { TrackedSession } from '../cell/tracked-session.ts';
import { grownHandles } from '../cell/watcher.ts';
import { grouped } from '../figures.ts';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const PER_SECOND = 5_000;
const RSS_GROWTH = 0.1;
/** Steps between two looks that are no growth. */
const STEPS = 3;
const SLOPE_BYTES = 0.5 * 1024 ** 2;
const TYPED: ReadonlySet<string> = new Set([
  'ERR_CONNECT',
  'ERR_CLOSED',
  'ERR_CIRCUIT_OPEN',
  'ERR_TIMEOUT',
  'ERR_OVERLOADED',
  'ERR_ABORTED',
  'ERR_DRAINING',
]);

/** One look at a process after a collection. */
export interface Sample {
  readonly minute: number;
  readonly rssBytes: number;
  readonly youngBytes: number;
  readonly heapBytes: number;
}

/** Bytes a minute by which the heap grows, as a line through all samples. */
function slopeOf(samples: readonly Sample[]): number {
  const mean = (of: (one: Sample) => number): number => samples.reduce((sum, one) => sum + of(one), 0) / samples.length;
  const [x, y] = [mean(({ minute }) => minute), mean(({ heapBytes }) => heapBytes)];
  let [both, square] = [0, 0];
  for (const { minute, heapBytes } of samples) {
    both += (minute - x) * (heapBytes - y);
    square += (minute - x) ** 2;
  }
  return square === 0 ? 0 : both / square;
}

/** Memory besides the young generation. */
const keptBytes = ({ rssBytes, youngBytes }: Sample): number => rssBytes - youngBytes;

/**
 * Returns what is wrong with a process's samples. Growth is counted without its largest steps: V8 takes pages in a few of them, after faults
 * that make requests pile up, and keeps them; a leak grows between all looks.
 */
export function judgeSamples(name: string, samples: readonly Sample[]): string[] {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) return [];
  const found: string[] = [];
  const steps = samples.slice(1).map((one, at) => keptBytes(one) - keptBytes(samples[at] ?? one));
  const grown = steps
    .toSorted((one, other) => other - one)
    .slice(STEPS)
    .reduce((sum, step) => sum + step, 0);
  if (grown > keptBytes(first) * RSS_GROWTH)
    found.push(
      `${name} went from ${grouped(keptBytes(first) / 1e6)} to ${grouped(keptBytes(last) / 1e6)} MB, ${grouped(grown / 1e6)} of it bit by bit`,
    );
  const slope = slopeOf(samples);
  if (slope > SLOPE_BYTES) found.push(`the heap of ${name} grows by ${(slope / 1024 ** 2).toFixed(2)} MiB a minute`);
  return found;
}

const inMegabytes = (one: Sample | undefined): string =>
  one === undefined
    ? ''
    : `${Math.round(keptBytes(one) / 1e6)} + ${Math.round(one.youngBytes / 1e6)} MB, ${(one.heapBytes / 1e6).toFixed(1)} of it live`;

/** Faults of the soak; `next` gives numbers from 0 up to its argument. */
function faultsOf(cell: Cell, pooled: Pooled, steady: AgentProcess, victims: AgentProcess[]) {
  return {
    kill: async (next: (below: number) => number) => {
      const at = next(victims.length);
      const victim = victims[at] as AgentProcess;
      victim.signal('SIGKILL');
      await victim.exited;
      await sleep(next(500));
      victims[at] = await cell.agent('faults', victim.endpoint);
    },
    stop: async (next: (below: number) => number) => {
      steady.signal('SIGSTOP');
      await sleep(100 + next(400));
      steady.signal('SIGCONT');
    },
    timeouts: async () => {
      await Promise.all(Array.from({ length: 200 }, () => pooled.ask('steady', '/slow?ms=400', 100)));
    },
    cancels: async () => {
      const long = Array.from({ length: 200 }, () => pooled.ask('steady', '/slow?ms=60000', 10_000));
      await sleep(50);
      await pooled.pool.cancelAll('steady');
      await Promise.all(long);
    },
    silent: async () => {
      const sockets = await Promise.all(Array.from({ length: 20 }, () => dialSilent(steady.endpoint)));
      await sleep(200);
      for (const socket of sockets) socket.destroy();
    },
    config: async () => {
      await pooled.pool.pushConfig('steady', { config: { at: monotonicMs() }, version: 'soak' }).catch(() => undefined);
    },
  };
}

async function run(cell: Cell): Promise<Verdict> {
  const [totalMs, everyMs, sampleMs] = cell.quick ? [12_000, 2_000, 2_000] : [600_000, 5_000, 15_000];
  const [steady, ...victims] = await Promise.all([cell.agent(), cell.agent(), cell.agent()]);
  const reports: TrackedSession = await cell.session(steady.endpoint, { keepalive: false });
  const pooled = new Pooled(cell, {
    requestTimeoutMs: 2_000,
    outlierEjectionThreshold: Infinity,
    circuitBreakerResetTimeoutMs: 1_000,
  });
  const names = ['steady', 'a', 'b'];
  await Promise.all([steady, ...victims].map(({ endpoint }, at) => pooled.pool.addAgent(names[at] ?? '', endpoint)));
  const counts = new Map<string, number>();
  let asked = 0;
  const begun = monotonicMs();
  const timer = setInterval(() => {
    const due = Math.floor(((monotonicMs() - begun) * PER_SECOND) / 1_000) - asked;
    for (let at = Math.min(due, PER_SECOND / 50); at > 0; at -= 1) {
      asked += 1;
      void pooled.ask(names[asked % 3] ?? '', '/?n=1').then(({ error }) => {
        const code = error?.code ?? 'decided';
        counts.set(code, (counts.get(code) ?? 0) + 1);
      });
    }
    // after a stall it goes on from now, for a burst would measure something else
    if (due > PER_SECOND / 50) asked += 0;
  }, 1);
  const seed = Date.now() % 1_000_000;
  const next = seededNumbers(seed);
  const faults = Object.entries(faultsOf(cell, pooled, steady, victims));
  const [own, agents]: [Sample[], Sample[]] = [[], []];
  const handles = countHandles();
  let faultAt = begun + everyMs;
  let sampleAt = begun + totalMs / 5;
  let did = 0;
  while (monotonicMs() - begun < totalMs) {
    await sleep(20);
    if (monotonicMs() >= faultAt) {
      faultAt += everyMs;
      did += 1;
      const [name, fault] = faults[next(faults.length)] as (typeof faults)[number];
      cell.progress(`${Math.round((monotonicMs() - begun) / 1_000)} s: ${name}`);
      await fault(next);
    }
    if (monotonicMs() < sampleAt) continue;
    sampleAt += sampleMs;
    collectGarbage();
    const { rss, heapUsed, external } = process.memoryUsage();
    const minute = (monotonicMs() - begun) / 60_000;
    own.push({ minute, rssBytes: rss, youngBytes: youngGeneration(), heapBytes: heapUsed + external });
    agents.push({ minute, ...(await reportOn(reports)) });
    cell.progress([own, agents].map((samples) => inMegabytes(samples.at(-1))).join(', agent '));
  }
  clearInterval(timer);
  const why: string[] = [];
  await Promise.all(names.map((name) => pooled.firstDecision(name, 5_000))).then((times) => {
    for (const [at, time] of times.entries()) if (time === Infinity) why.push(`${names[at]} did not come back`);
  });
  for (const [code, count] of counts)
    if (code !== 'decided' && !TYPED.has(code)) why.push(`${count} requests got ${code}`);
  // seconds say nothing about a slope: what was compiled last is still new
  if (!cell.quick) why.push(...judgeSamples('this process', own), ...judgeSamples('the agent', agents));
  for (const kind of grownHandles(handles, countHandles())) {
    // pooled connections that were being dialled at the start, or are now
    if (!kind.startsWith('PipeWrap') && !kind.startsWith('TCPSocketWrap')) why.push(`handles: ${kind}`);
  }
  const decided = counts.get('decided') ?? 0;
  if (decided < asked / 2) why.push(`only ${grouped(decided)} of ${grouped(asked)} requests were decided`);
  const megabytes = (samples: readonly Sample[]): string =>
    [samples[0], samples.at(-1)].map((one) => Math.round((one === undefined ? 0 : keptBytes(one)) / 1e6)).join('→') +
    ' MB';
  const rate = grouped((asked * 1_000) / (monotonicMs() - begun));
  return verdict(`${rate}/s, ${did} faults (seed ${seed}), ${megabytes(own)}, agent ${megabytes(agents)}`, why);
}

/** Minutes of load with a random fault every few seconds. */
export const soak: Row = {
  id: 'R18',
  fault: 'soak of 10 min at 5 000 req/s with a random fault every 5 s',
  must: 'typed outcomes; RSS after a collection +10 % at most; heap slope below 0.5 MB/min after minute 2; handles flat',
  long: true,
  patience: 3,
  run,
};
