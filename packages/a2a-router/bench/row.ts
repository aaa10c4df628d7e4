/** One thing that is measured. */
export interface Row {
  /** Unit that is counted: `sends`, `deliveries`, `round trips`. */
  readonly unit: string;
  /** Count per second that it should reach; undefined for yardsticks. */
  readonly goal?: number;
  /** Does it so many times. */
  readonly run: (count: number) => Promise<void>;
  readonly close?: () => Promise<void>;
}

/** Measurement of a {@link Row}: medians over rounds. */
export interface Result {
  readonly name: string;
  readonly unit: string;
  readonly perSecond: number;
  readonly low: number;
  readonly high: number;
  readonly cpuMicros: number;
  readonly goal: number | null;
}

/** One round of one row. */
export interface Round {
  readonly unit: string;
  readonly goal: number | null;
  readonly perSecond: number;
  readonly cpuMicros: number;
}

const WARM_CPU_MS = 1500;
const ROUND_CPU_MS = 800;

/** Measures one row once, after it has become warm. Both times are processor time, of which a busy machine gives less at once. */
export async function measureOnce({ unit, goal, run, close }: Row): Promise<Round> {
  const cpuMs = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  let count = 2000;
  for (let warm = 0; warm < WARM_CPU_MS;) {
    const before = cpuMs();
    await run(count);
    const used = Math.max(1, cpuMs() - before);
    warm += used;
    count = Math.max(500, Math.round((count * ROUND_CPU_MS) / used));
  }
  const before = cpuMs();
  const started = performance.now();
  await run(count);
  const elapsed = performance.now() - started;
  const used = cpuMs() - before;
  await close?.();
  return { unit, goal: goal ?? null, perSecond: (count / elapsed) * 1000, cpuMicros: (used * 1000) / count };
}

/** Puts the rounds of one row together. */
export function summarize(name: string, rounds: readonly Round[]): Result {
  const speeds = rounds.map(({ perSecond }) => perSecond);
  return {
    name,
    unit: rounds[0]?.unit ?? '',
    perSecond: Math.round(median(speeds)),
    low: Math.round(Math.min(...speeds)),
    high: Math.round(Math.max(...speeds)),
    cpuMicros: Number(median(rounds.map(({ cpuMicros }) => cpuMicros)).toFixed(2)),
    goal: rounds[0]?.goal ?? null,
  };
}

/** Prints results for people. */
export function printTable(results: readonly Result[]): void {
  const lines = [['', 'per second', 'low', 'high', 'µs CPU', 'goal', '']];
  for (const { name, unit, perSecond, low, high, cpuMicros, goal } of results) {
    const verdict = goal === null ? '' : perSecond >= goal ? 'reached' : 'MISSED';
    lines.push([
      `${name} (${unit})`,
      ...[perSecond, low, high].map(grouped),
      String(cpuMicros),
      goal === null ? '' : grouped(goal),
      verdict,
    ]);
  }
  const widths = lines[0]?.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0))) ?? [];
  for (const line of lines) {
    process.stdout.write(
      `${line.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join('  ')}\n`,
    );
  }
}

function grouped(value: number): string {
  return value.toLocaleString('en').replaceAll(',', ' ');
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
