import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Ratio of the processor time of two rows of the router's bench, with its goal. */
export interface Target {
  readonly name: string;
  /** Microseconds of processor time for one operation: the yardstick, and ours. */
  readonly yardstickMicros: number;
  readonly micros: number;
  /** Yardstick by ours; 1 is as fast, more is faster. */
  readonly ratio: number;
  readonly goal: number;
}

const bench = join(import.meta.dirname, '../../a2a-router/bench');
const node = (...args: readonly string[]): string =>
  execFileSync(process.execPath, ['--conditions=@agentwire/source', ...args], { encoding: 'utf8' });

/** Name, yardstick, row and goal. */
const TARGETS: readonly (readonly [string, string, string, number])[] = [
  ['send to a local call of moleculer', 'moleculer local call, 1 in flight', 'send', 1.2],
  ['request to it, 1 in flight', 'moleculer local call, 1 in flight', 'request, 1 in flight', 0.5],
  ['request to it, 64 in flight', 'moleculer local call, 64 in flight', 'request, 64 in flight', 0.5],
  ['send with a chain in memory to one without', 'send', 'send, chain in memory', 0.2],
];

/** Measures rows of the router's bench, each in a process of its own, all of them in every round. */
export function measureTargets(rounds: number): Target[] {
  const rows = [...new Set(TARGETS.flatMap(([, yardstick, row]) => [yardstick, row]))];
  const measured = new Map<string, number[]>(rows.map((row) => [row, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const row of round % 2 === 0 ? rows : rows.toReversed())
      measured.get(row)?.push((JSON.parse(node(join(bench, 'one-row.ts'), row)) as { cpuMicros: number }).cpuMicros);
  const micros = (row: string): number => median(measured.get(row) ?? []);
  return TARGETS.map(([name, yardstick, row, goal]) => ({
    name,
    yardstickMicros: micros(yardstick),
    micros: micros(row),
    ratio: micros(yardstick) / micros(row),
    goal,
  }));
}

/** Heap that a million requests, half of which run out of time, leave behind after the second fifth of them. */
export function measureMemory(): { readonly requests: number; readonly pending: number; readonly grownBytes: number } {
  return JSON.parse(node('--expose-gc', join(bench, 'memory.ts'))) as ReturnType<typeof measureMemory>;
}

/** Median of measurements. */
export function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}
