import { readFileSync, writeFileSync } from 'node:fs';
import { listCases } from '../src/index.ts';

const README = new URL('../README.md', import.meta.url);

/** The README's table of cases. */
export function caseTable(): string {
  const rows = listCases().map(({ id, rule, needs }) => `| \`${id}\` | ${rule} | ${needs.join(', ')} |`);
  return ['| id | rule | needs |', '| --- | --- | --- |', ...rows].join('\n');
}

if (import.meta.main) {
  const [before, , after] = readFileSync(README, 'utf8').split(/(?<=<!-- cases: .*-->\n)|(?=<!-- \/cases -->)/);
  const rest = after ?? '<!-- /cases -->\n';
  writeFileSync(README, `${before ?? ''}\n${caseTable()}\n\n${rest}`);
}
