// node main.ts [--all] [TRANSPORT…]: the transport kit over every transport, in both directions, as a table
import { listCases } from '@agentwire/transport-compliance';
import { COLUMNS } from './columns.ts';
import { runTable, tableText } from './table.ts';

const words = process.argv.slice(2).filter((word) => word !== '--');
const all = words.includes('--all');
const names = words.filter((word) => word !== '--all');
const unknown = names.find((name) => !COLUMNS.some((column) => column.name === name));
if (unknown !== undefined) {
  process.stderr.write(`${unknown} is none of ${COLUMNS.map(({ name }) => name).join(', ')}\n`);
  process.exit(2);
}
const columns = COLUMNS.filter(({ name }) => names.length === 0 || names.includes(name));
let failures = 0;
const outcomes = await runTable(columns, listCases(), (column, id, error) => {
  failures += 1;
  process.stderr.write(`${column} ${id}: ${error instanceof Error ? error.message : String(error)}\n`);
});
process.stdout.write(`${tableText(outcomes, listCases(), all)}\n\n`);
process.stdout.write(`✓ holds · – the medium lacks what the case needs; ${failures} failed\n`);
process.exitCode = failures === 0 ? 0 : 1;
