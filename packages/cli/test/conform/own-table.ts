import type { Check } from '../../src/conform/check.ts';
import type { Form } from '../../src/conform/wire/wire.ts';

const FORMS: readonly Form[] = ['documented', 'zentinel', 'grpc'];

function rows(checks: readonly Omit<Check<never>, 'run'>[]): string {
  return checks
    .map(({ id, says, level, section, forms }) => {
      const cells = FORMS.map((form) => (forms?.includes(form) === false ? '' : 'pass'));
      return `| \`${id}\` | ${says} | ${level} | ${section} | ${cells.join(' | ')} |`;
    })
    .join('\n');
}

const HEAD = `| check | what holds | level | docs/wire.md | documented | zentinel | gRPC |
| ----- | ---------- | ----- | ------------ | ---------- | -------- | ---- |`;

/** The page of `docs/` that says what `agentwire conform` checks, and how ours do. */
export function ownTable(
  agent: readonly Omit<Check<never>, 'run'>[],
  proxy: readonly Omit<Check<never>, 'run'>[],
): string {
  return `# What \`agentwire conform\` checks

\`\`\`sh
agentwire conform unix:/run/agent.sock                                   # an agent, in both dialects
agentwire conform grpc://127.0.0.1:50051                                 # an agent over gRPC
agentwire conform --proxy unix:/run/agent.sock --drive http://127.0.0.1:8080   # the proxy that connects there
\`\`\`

The checks write and read frames themselves, without agentwire's own sessions and codecs, so they do not share their
faults. \`--dialect\` asks for one dialect alone, \`--timeout-ms\` is how long anything is waited for, \`--json\` prints one
document. Exit status: 0 when every \`must\` holds, 1 when one does not, 2 for wrong use. A dialect that an agent does not speak
is skipped unless it was asked for; checks that need to know an agent's decisions run only on agents that decide as
\`agentwire agent reference\` does. With \`--proxy\` the command plays the agent and sends HTTP requests to \`--drive\`.

The route that \`--drive\` leads to must ask the played agent, and fail closed. A proxy is put through one dialect at a time: name
it with \`--dialect\` where the proxy has only one. After a check that the proxy does not get over the rest is skipped; start it
again for them.

The tables show agentwire's own agent and gateway, which pass all of it; tests hold them to that. Every check was seen to
fail: those of an agent on an agent that does one thing wrong, those of a proxy on a proxy that does one thing wrong and
fails no other check that has nothing to do with it. A check without such a fault fails a test. For the released crate's
agent and the released proxy see [conform-zentinel-0.6.45.md](conform-zentinel-0.6.45.md).

## An agent

${HEAD}
${rows(agent)}

## A proxy

${HEAD}
${rows(proxy)}
`;
}
