import { EXPECTED } from '../scenarios/expected.ts';
import { type Absent, THIRD_PARTY_PAIRINGS, type ThirdPartyFinding } from '../third-parties.ts';

const NAME_WIDTH = 23;
const COLUMN = 17;

/** Draws a row per scenario and a column per third-party peer and direction. */
export function thirdPartyTable(findings: readonly ThirdPartyFinding[], absent: readonly Absent[]): string[] {
  const names = [...new Set(findings.map(({ thirdParty }) => thirdParty))];
  const at = new Map(findings.map((one) => [`${one.thirdParty} ${one.pairing} ${one.scenario}`, one]));
  const row = (first: string, cell: (name: string, pairing: string) => string): string =>
    first.padEnd(NAME_WIDTH) +
    names
      .map((name) => THIRD_PARTY_PAIRINGS.map((pairing) => cell(name, pairing).padEnd(COLUMN)).join(''))
      .join('')
      .trimEnd();
  const lines = [
    row('', (name, pairing) => (pairing === THIRD_PARTY_PAIRINGS[0] ? name : '')),
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
  for (const { thirdParty, missing, why } of absent)
    lines.push(`${thirdParty}: ${missing ? why : `could not be built: ${why}`}`);
  return lines;
}

/** Everything that was not as it should be. */
export function thirdPartyDifferences(findings: readonly ThirdPartyFinding[]): string[] {
  return findings.flatMap(({ thirdParty, pairing, scenario, complaints }) =>
    complaints.map((complaint) => `✗ ${thirdParty}, ${pairing}, ${scenario} ${complaint}`),
  );
}
