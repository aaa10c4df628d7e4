import { cpus } from 'node:os';
import { type Flags, readFlags } from './flags.ts';
import { httpNotes, isInstalled, runHttpCell } from './http/cell.ts';
import { HTTP_ROWS } from './http/rows.ts';
import { RunningRows } from './http/running-rows.ts';
import { ROWS } from './plan/rows.ts';
import type { CellRounds } from './report/figures.ts';
import { reportCells, type RunReport } from './report/run-report.ts';
import { readLast, store } from './report/store.ts';
import { drawTable } from './report/table.ts';
import { runCell } from './run/cell.ts';
import { HOW_TO_BUILD_THE_CRATE, isBuilt } from './run/commands.ts';
import { choose, runRounds } from './run/rounds.ts';

const say = (text: string): void => void process.stderr.write(`${text}\n`);

function crateNotes(): string[] {
  if (ROWS.every(({ client, server }) => isBuilt(client) && isBuilt(server))) return [];
  return [`the rows of the Rust crate are missing: build it with ${HOW_TO_BUILD_THE_CRATE}`];
}

async function runHttp(flags: Flags): Promise<CellRounds[]> {
  await using running = new RunningRows(flags.profiles);
  return await runRounds(
    choose(HTTP_ROWS.filter(isInstalled), flags),
    flags,
    (row, inFlight) => runHttpCell(row, inFlight, flags, running),
    say,
  );
}

async function run(flags: Flags): Promise<void> {
  const kind = flags.http ? 'http' : 'messages';
  const built = ROWS.filter(({ client, server }) => isBuilt(client) && isBuilt(server));
  const cells = flags.http ? await runHttp(flags) : await runRounds(choose(built, flags), flags, runCell, say);
  const [core] = cpus();
  const report: RunReport = {
    kind,
    at: new Date().toISOString(),
    node: process.version,
    machine: `${cpus().length} × ${core?.model.trim() || process.arch}`,
    rounds: flags.rounds,
    seconds: flags.seconds,
    missing: flags.http ? httpNotes() : crateNotes(),
    cells: reportCells(cells),
  };
  const files = store(flags.out, report, readLast(flags.out, kind));
  process.stdout.write(`${drawTable(report)}\n${files.join('\n')}\n`);
  if (cells.some(({ rounds }) => rounds.includes(undefined))) process.exitCode = 1;
}

let flags: Flags | undefined;
try {
  flags = readFlags(process.argv.slice(2));
} catch (error) {
  say((error as Error).message);
  process.exitCode = 2;
}
if (flags !== undefined) await run(flags);
