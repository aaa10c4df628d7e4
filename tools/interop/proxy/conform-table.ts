import type { CheckResult } from '@agentwire/conform';
import { VERSION } from './released-proxy.ts';

const HEADING = '## The released proxy';
const MARK = { pass: 'pass', fail: '**fail**', skip: 'skipped' } as const;

/** Parts of the committed page: what this tool leaves alone, and the section that it writes. */
export function cutPage(page: string): { readonly before: string; readonly section: string } {
  const at = page.indexOf(`${HEADING}\n`);
  return at === -1 ? { before: page, section: '' } : { before: page.slice(0, at), section: page.slice(at) };
}

/** Outcomes by check, as `pass **fail**` (UDS, gRPC), whatever the layout of the table. */
function outcomes(section: string): Map<string, string> {
  const rows = section.matchAll(/^\| `([\w-]+)` +\|.*\| +(\S*) *\| +(\S*) *\|$/gm);
  return new Map([...rows].map(([, id = '', uds, grpc]) => [id, `${uds} ${grpc}`]));
}

/** Rows that differ between the committed section and what was seen, each as a sentence. */
export function differences(committed: string, now: string): string[] {
  const [before, after] = [outcomes(committed), outcomes(now)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((id) => before.get(id) !== after.get(id))
    .map(
      (id) => `${id}: docs have ${before.get(id) ?? 'no such row'}, now ${after.get(id) ?? 'no such row'} (UDS, gRPC)`,
    );
}

const count = (results: readonly CheckResult[], outcome: CheckResult['outcome']): number =>
  results.filter((one) => one.outcome === outcome).length;

const counts = (results: readonly CheckResult[]): string =>
  `${count(results, 'pass')} pass, ${count(results, 'fail')} fail, ${count(results, 'skip')} skipped`;

function seen(results: readonly CheckResult[], outcome: CheckResult['outcome']): string {
  return results
    .filter((one) => one.outcome === outcome)
    .map(({ id, form, reason }) => `- \`${id}\` (${form === 'grpc' ? 'gRPC' : 'UDS'}): ${reason ?? ''}`)
    .join('\n');
}

/** The section of the page that says how the released proxy does. */
export function proxySection(uds: readonly CheckResult[], grpc: readonly CheckResult[]): string {
  const all = new Map([...uds, ...grpc].map((result) => [result.id, result]));
  const cell = (results: readonly CheckResult[], id: string): string => {
    const found = results.find((one) => one.id === id);
    return found === undefined ? '' : MARK[found.outcome];
  };
  const rows = [...all.values()].map(
    ({ id, title, level, section }) =>
      `| \`${id}\` | ${title} | ${level} | ${section} | ${cell(uds, id)} | ${cell(grpc, id)} |`,
  );
  const skipped = seen([...uds, ...grpc], 'skip');
  return `${HEADING}

\`agentwire conform --proxy\` on \`zentinel-proxy\` ${VERSION} as crates.io has it, with every event that its configuration can name,
failure mode closed, and a process of its own for each check, as it does not get over some of them. \`response_body\` is configured
only for the check that is about it.

Over UDS (zentinel dialect, JSON): ${counts(uds)}. Over gRPC: ${counts(grpc)}.

| check | what holds | level | docs/wire.md | UDS | gRPC |
| ----- | ---------- | ----- | ------------ | --- | ---- |
${rows.join('\n')}

What was seen where it fails:

${seen([...uds, ...grpc], 'fail')}
${skipped === '' ? '' : `\nWhy checks were skipped:\n\n${skipped}\n`}
\`pnpm interop:proxy --conform\` runs it (five minutes, once the proxy is built) and compares; with \`--update\` it writes this
section.
`;
}
