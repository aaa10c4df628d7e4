// Prints a table, and writes JSON to the file that is named, by default bench-results/a2a-router.json at the top.
// Every row runs in a process of its own, and all of them in every round, so that none suffers from another one.
// Usage: node --conditions=@agentwire/source bench/main.ts [ROUNDS] [FILE]
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { printTable, type Round, summarize } from './row.ts';
import { routerRows } from './router-rows.ts';
import { yardstickRows } from './yardstick-rows.ts';

const rounds = Number(process.argv[2] ?? 5);
const file = process.argv[3] ?? join(import.meta.dirname, '../../../bench-results/a2a-router.json');
const names = Object.keys({ ...routerRows, ...yardstickRows });
const measured = new Map<string, Round[]>(names.map((name) => [name, []]));
for (let round = 0; round < rounds; round += 1) {
  for (const name of names) {
    const script = fileURLToPath(new URL('./one-row.ts', import.meta.url));
    const out = execFileSync(process.execPath, ['--conditions=@agentwire/source', script, name], { encoding: 'utf8' });
    measured.get(name)?.push(JSON.parse(out) as Round);
  }
}
const results = names.map((name) => summarize(name, measured.get(name) ?? []));
printTable(results);
mkdirSync(dirname(file), { recursive: true });
const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`;
writeFileSync(
  file,
  `${JSON.stringify({ bench: 'a2a-router', at: new Date().toISOString(), machine, rounds, results }, null, 2)}\n`,
);
process.stdout.write(`\n${machine}, medians of ${rounds} rounds; written to ${file}\n`);
