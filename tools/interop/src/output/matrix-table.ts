import { AGENTS, MEDIA, PROXIES } from '../judge/cell.ts';
import type { Finding } from '../judge/judge.ts';
import { REASONS } from '../judge/reasons.ts';
import { EXPECTED } from '../scenarios/expected.ts';

const NAME_WIDTH = 23;
const SHORT = { session: 's', pool: 'p', reverse: 'r', crate: 'c', 'crate-pool': 'C', 'crate-reverse': 'R' } as const;

function mark(finding: Finding | undefined): string {
  if (finding === undefined) return ' ';
  if (finding.verdict === 'same') return '✓';
  return finding.verdict === 'different' ? '✗' : (finding.reasons?.[0] ?? '?');
}

/** The matrix: a row for each scenario, a column for each pair, and what its letters mean. */
export function matrixTable(findings: readonly Finding[]): string[] {
  const at = new Map(findings.map((one) => [`${one.medium} ${one.agent} ${one.proxy} ${one.scenario}`, one]));
  const group = (text: (medium: string, agent: string) => string): string =>
    MEDIA.map((medium) => AGENTS.map((agent) => text(medium, agent).padEnd(13)).join('')).join(' ');
  const lines = [
    ' '.repeat(NAME_WIDTH) + group((medium, agent) => (agent === 'ours' ? medium : '')),
    'agent'.padEnd(NAME_WIDTH) + group((_, agent) => agent),
    'proxy'.padEnd(NAME_WIDTH) + group(() => PROXIES.map((proxy) => SHORT[proxy]).join(' ')),
  ];
  for (const scenario of EXPECTED.keys()) {
    const marks = group((medium, agent) =>
      PROXIES.map((proxy) => mark(at.get(`${medium} ${agent} ${proxy} ${scenario}`))).join(' '),
    );
    lines.push(scenario.padEnd(NAME_WIDTH) + marks);
  }
  const used = new Set(findings.flatMap(({ reasons }) => reasons ?? []));
  lines.push(
    '',
    "proxy: s our session, p our pool, r our pool that agents register with, c the crate's client, C and R the crate's pool alike",
    '✓ as the table of the reference agent says',
  );
  for (const { letter, why } of REASONS) if (used.has(letter)) lines.push(`${letter} ${why}`);
  return lines;
}

/** Every difference that nothing explains. */
export function differences(findings: readonly Finding[]): string[] {
  return findings.flatMap(({ verdict, medium, proxy, agent, scenario, complaints = [] }) =>
    verdict === 'different'
      ? complaints.map((complaint) => `✗ ${medium}, ${proxy} → ${agent}, ${scenario} ${complaint}`)
      : [],
  );
}
