import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { drawBoard } from './board.ts';
import { readFlags, type Flags } from './flags.ts';
import { monotonicMs } from './now.ts';
import { ROWS } from './rows/index.ts';
import { exitStatus, runCell, type CellResult } from './runner.ts';

const inMinutes = (ms: number): string => `${(ms / 60_000).toFixed(1)} min`;
const say = (text: string): void => void process.stderr.write(`${text}\n`);

async function run({ rows, columns, quick, jsonFile }: Flags): Promise<number> {
  const results: CellResult[] = [];
  const since = monotonicMs();
  for (const row of rows) {
    for (const column of columns) {
      const result = await runCell(row, column, { quick, limitMs: quick ? 30_000 : 300_000, say });
      results.push(result);
      say(`${row.id} ${column.id}: ${result.status} ${result.figure} [${result.seconds} s]`);
      if (result.status !== 'n/a' && rows.length * columns.length > 1)
        say(`${results.length} of ${rows.length * columns.length} cells in ${inMinutes(monotonicMs() - since)}`);
    }
  }
  const file = resolve(jsonFile);
  mkdirSync(dirname(file), { recursive: true });
  const facts = { node: process.version, platform: `${process.platform}-${process.arch}`, quick };
  writeFileSync(file, `${JSON.stringify({ ...facts, results }, undefined, 2)}\n`);
  process.stdout.write(`${drawBoard(rows, columns, results)}\n`);
  return exitStatus(results);
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

let flags: Flags | undefined;
try {
  flags = readFlags(process.argv.slice(2), ROWS);
} catch (error) {
  say((error as Error).message);
}
// agents that a hung row left behind must not keep this process
process.exit(flags === undefined ? 2 : await run(flags));
