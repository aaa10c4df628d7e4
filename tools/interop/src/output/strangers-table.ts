import { EXPECTED } from '../scenarios/expected.ts';
import { type Absent, STRANGER_PAIRINGS, type StrangerFinding } from '../strangers.ts';

const NAME_WIDTH = 23;
const COLUMN = 17;

/** A row for each scenario, a column for each stranger and direction. */
export function strangersTable(findings: readonly StrangerFinding[], absent: readonly Absent[]): string[] {
  const names = [...new Set(findings.map(({ stranger }) => stranger))];
  const at = new Map(findings.map((one) => [`${one.stranger} ${one.pairing} ${one.scenario}`, one]));
  const row = (first: string, cell: (name: string, pairing: string) => string): string =>
    first.padEnd(NAME_WIDTH) +
    names
      .map((name) => STRANGER_PAIRINGS.map((pairing) => cell(name, pairing).padEnd(COLUMN)).join(''))
      .join('')
      .trimEnd();
  const lines = [
    row('', (name, pairing) => (pairing === STRANGER_PAIRINGS[0] ? name : '')),
    row('', (_, pairing) => pairing),
  ];
  for (const scenario of EXPECTED.keys()) {
    lines.push(
      row(scenario, (name, pairing) => {
        const found = at.get(`${name} ${pairing} ${scenario}`);
        return found?.complaints.length === 0 ? '✓' : '✗';
      }),
    );
  }
  for (const { stranger, missing, why } of absent)
    lines.push(`${stranger}: ${missing ? why : `could not be built: ${why}`}`);
  return lines;
}

/** Everything that was not as it should be. */
export function strangerDifferences(findings: readonly StrangerFinding[]): string[] {
  return findings.flatMap(({ stranger, pairing, scenario, complaints }) =>
    complaints.map((complaint) => `✗ ${stranger}, ${pairing}, ${scenario} ${complaint}`),
  );
}
