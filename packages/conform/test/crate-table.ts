import type { CheckResult } from '../src/check.ts';

const MARK = { pass: 'pass', fail: '**fail**', skip: '–' } as const;

/** Section of the page in `docs/` with the results of the released crate's agent. */
export function crateTable(uds: readonly CheckResult[], grpc: readonly CheckResult[]): string {
  const all = new Map([...uds, ...grpc].map((result) => [result.id, result]));
  const cell = (results: readonly CheckResult[], id: string): string => {
    const found = results.find((one) => one.id === id);
    return found === undefined ? '' : MARK[found.outcome];
  };
  const rows = [...all.values()].map(
    ({ id, level, section, title }) =>
      `| \`${id}\` | ${title} | ${level} | ${section} | ${cell(uds, id)} | ${cell(grpc, id)} |`,
  );
  const failures = [...uds, ...grpc]
    .filter(({ outcome }) => outcome === 'fail')
    .map(({ id, form, reason }) => `- \`${id}\` (${form === 'grpc' ? 'gRPC' : 'UDS'}): ${reason ?? ''}`);
  const count = (results: readonly CheckResult[], outcome: CheckResult['outcome']): number =>
    results.filter((one) => one.outcome === outcome).length;
  return `# How zentinel 0.6.45 conforms

A failed \`must\` means that the two sides may misunderstand each other; a failed \`should\`, that one waits or learns less.

## The agent of the released crate

\`agentwire conform\` on the agent that \`tools/interop/rust\` builds on \`zentinel-agent-protocol\` 0.6.45, with the behaviour of
\`agentwire agent reference\`. Agentwire's own agent passes every check in all three forms, which a test holds it to.

Over UDS (zentinel dialect, JSON): ${count(uds, 'pass')} pass, ${count(uds, 'fail')} fail. Over gRPC: ${count(grpc, 'pass')} pass, ${count(grpc, 'fail')} fail. The documented dialect is not
spoken by the crate: a handshake of that dialect alone is cut off.

| check | what holds | level | docs/wire.md | UDS | gRPC |
| ----- | ---------- | ----- | ------------ | --- | ---- |
${rows.join('\n')}

What was seen where it fails:

${failures.join('\n')}

Made by \`UPDATE_CONFORM=1 vitest run packages/cli/test/conform/crate.test.ts\` where \`tools/interop/rust/build.sh\` was run;
without \`UPDATE_CONFORM\` the same test compares.
`;
}
