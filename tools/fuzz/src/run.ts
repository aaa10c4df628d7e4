import { appearance, dependsOnTime, differences } from './differential.ts';
import { broken } from './invariants.ts';
import { Rig } from './rig.ts';
import { makeScenario } from './scenario.ts';
import type { Way } from './transports.ts';

/** One thing that was not as it must be. */
export interface Finding {
  readonly round: number;
  readonly way: string;
  readonly text: string;
}

/** Options of a run. */
export interface FuzzOptions {
  readonly seed: number;
  /** Numbers of the scenarios. */
  readonly rounds: Iterable<number>;
  readonly ways: readonly Way[];
  /** Ends the run early. */
  readonly stop?: () => boolean;
  /** Told after every scenario. */
  readonly onRound?: (round: number, findings: number) => void;
}

/** Collects unhandled exceptions and warnings of this process. */
class ProcessWatch implements Disposable {
  readonly found: string[] = [];
  readonly #onError = (error: unknown): void =>
    void this.found.push(`uncaught: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  readonly #onWarning = (warning: Error): void => void this.found.push(`warning: ${warning.message}`);

  constructor() {
    process
      .on('uncaughtException', this.#onError)
      .on('unhandledRejection', this.#onError)
      .on('warning', this.#onWarning);
  }

  [Symbol.dispose](): void {
    process
      .off('uncaughtException', this.#onError)
      .off('unhandledRejection', this.#onError)
      .off('warning', this.#onWarning);
  }
}

async function openAll(ways: readonly Way[], stack: AsyncDisposableStack): Promise<Rig[]> {
  const rigs: Rig[] = [];
  for (const way of ways) rigs.push(stack.use(await Rig.open(way)));
  return rigs;
}

async function run(
  options: FuzzOptions,
  play: (round: number, rigs: readonly Rig[]) => Promise<Finding[]>,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const watch = new ProcessWatch();
  const stack = new AsyncDisposableStack();
  try {
    const rigs = await openAll(options.ways, stack);
    for (const round of options.rounds) {
      if (options.stop?.() === true) break;
      findings.push(...(await play(round, rigs)));
      for (const text of watch.found.splice(0)) findings.push({ round, way: 'process', text });
      options.onRound?.(round, findings.length);
    }
    for (const rig of rigs) for (const text of rig.leftovers()) findings.push({ round: -1, way: rig.way.id, text });
  } finally {
    await stack.disposeAsync();
    watch[Symbol.dispose]();
  }
  return findings;
}

/** Plays wild scenarios, each on one transport in turn, and checks what must hold whatever happens. */
export function fuzz(options: FuzzOptions): Promise<Finding[]> {
  return run(options, async (round, rigs) => {
    const rig = rigs[round % rigs.length];
    if (rig === undefined) throw new TypeError('no transport to take');
    const outcome = await rig.play(makeScenario(options.seed, round, true));
    return broken(outcome).map((text) => ({ round, way: rig.way.id, text }));
  });
}

/** Plays each scenario on every transport, and compares what client, upstream and agents saw. */
export function compareTransports(options: FuzzOptions): Promise<Finding[]> {
  return run(options, async (round, rigs) => {
    const scenario = makeScenario(options.seed, round, false);
    const findings: Finding[] = [];
    let first: Record<string, unknown> | undefined;
    for (const rig of rigs) {
      const outcome = await rig.play(scenario);
      findings.push(...broken(outcome).map((text) => ({ round, way: rig.way.id, text })));
      if (dependsOnTime(scenario)) continue;
      const seen = appearance(outcome);
      first ??= seen;
      findings.push(...differences(first, seen).map((text) => ({ round, way: rig.way.id, text })));
    }
    return findings;
  });
}
