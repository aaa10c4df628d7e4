import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { AGENT_CHECKS } from '../src/agent/run-agent-checks.ts';
import { PROXY_CHECKS } from '../src/proxy/run-proxy-checks.ts';
import { ownTable } from './own-table.ts';

const page = fileURLToPath(new URL('../../../docs/conform-agentwire.md', import.meta.url));
const released = fileURLToPath(new URL('../../../docs/conform-zentinel-0.6.45.md', import.meta.url));
const wire = fileURLToPath(new URL('../../../docs/wire.md', import.meta.url));
/** Rows without the padding that the formatter adds. */
const rows = (text: string): string[] => [...text.matchAll(/^\| `.*$/gm)].map(([row]) => row.replaceAll(/ +/g, ' '));

test('docs/conform-agentwire.md lists every check', () => {
  const now = ownTable(AGENT_CHECKS, PROXY_CHECKS);
  if (process.env['UPDATE_CONFORM'] !== undefined) writeFileSync(page, now);
  expect(rows(readFileSync(page, 'utf8'))).toEqual(rows(now));
});

test('the table of the released proxy lists every check that is for it', () => {
  const [, section = ''] = readFileSync(released, 'utf8').split('## The released proxy\n');
  const forIt = PROXY_CHECKS.filter(({ forms }) => forms === undefined || forms.includes('zentinel'));
  const starts = forIt.map(({ id, title, level }) => `| \`${id}\` | ${title} | ${level} |`);
  expect(rows(section).map((row) => starts.find((start) => row.startsWith(start)) ?? row)).toEqual(starts);
});

test('every check names a heading of docs/wire.md', () => {
  const headings = new Set([...readFileSync(wire, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading));
  const sections = new Set([...AGENT_CHECKS, ...PROXY_CHECKS].map(({ section }) => section));
  expect([...sections].filter((section) => !headings.has(section))).toEqual([]);
});

test('ids are unique', () => {
  const ids = [...AGENT_CHECKS, ...PROXY_CHECKS].map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});
