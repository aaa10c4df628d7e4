/**
 * Writes the report of the public API, one page per entry point, to `docs/api`.
 * With `--check` it writes nothing and fails if a page differs from the code.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { entries, TOP } from './entries.ts';
import { namesIn, reportOf } from './report.ts';

const { values } = parseArgs({ options: { check: { type: 'boolean' } } });
const scratch = mkdtempSync(join(tmpdir(), 'agentwire-api-'));
const folder = join(TOP, 'docs/api');
mkdirSync(folder, { recursive: true });
const stale = new Set(readdirSync(folder));
const differing: string[] = [];
try {
  for (const entry of entries()) {
    const now = reportOf(entry, scratch);
    const before = existsSync(entry.report) ? readFileSync(entry.report, 'utf8') : '';
    const page = basename(entry.report);
    stale.delete(page);
    process.stdout.write(
      `${entry.specifier.padEnd(34)} ${String(namesIn(now)).padStart(4)} names${now === before ? '' : '  changed'}\n`,
    );
    if (now === before) continue;
    differing.push(page);
    if (values.check !== true) writeFileSync(entry.report, now);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
for (const page of stale) {
  differing.push(page);
  if (values.check !== true) rmSync(join(folder, page));
}
if (values.check === true && differing.length > 0) {
  process.stderr.write(
    `${differing.length} pages of ${basename(dirname(folder))}/api differ from the code: ${differing.join(', ')}\n` +
      'Run `pnpm typecheck && pnpm api`, read the difference, and commit it.\n',
  );
  process.exitCode = 1;
}
