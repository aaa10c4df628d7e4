import type { Check } from '../src/check.ts';
import type { ProtocolForm } from '../src/wire/wire.ts';

const FORMS: readonly ProtocolForm[] = ['documented', 'zentinel', 'grpc'];

function rows(checks: readonly Omit<Check<never>, 'run'>[]): string {
  return checks
    .map(({ id, title, level, section, forms }) => {
      const cells = FORMS.map((form) => (forms?.includes(form) === false ? '' : 'pass'));
      return `| \`${id}\` | ${title} | ${level} | ${section} | ${cells.join(' | ')} |`;
    })
    .join('\n');
}

const HEAD = `| check | what holds | level | docs/wire.md | documented | zentinel | gRPC |
| ----- | ---------- | ----- | ------------ | ---------- | -------- | ---- |`;

/** Page of `docs/` that says what `agentwire conform` checks, and how the agent and the gateway of agentwire do. */
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

The checks write and read frames themselves, without agentwire's sessions and codecs, so they do not share their faults.
\`--list\` prints the checks instead of running them. \`--dialect\` checks one dialect alone, \`--timeout-ms\` is the timeout of
every single wait, \`--json\` prints one document. Exit status: 0 when every \`must\` holds, 1 when one does not or no connection
can be opened, 2 for wrong use. A dialect that an agent does not speak is skipped unless \`--dialect\` names it; checks that need
to know an agent's decisions run only on agents that decide as \`agentwire agent reference\` does. With \`--proxy\` the command
listens as an agent and sends HTTP requests to \`--drive\`. [@agentwire/conform](../packages/conform) is the same as a library.

The route of \`--drive\` must ask this agent, and fail closed. A proxy is checked in one dialect at a time: name it with
\`--dialect\` when the proxy speaks only one. After a check that the proxy does not recover from the rest is skipped; start it
again for them.

The tables show agentwire's own agent and gateway, which pass all of it, and tests enforce that. Every check was seen to fail:
the checks of an agent on an agent with one fault, the checks of a proxy on a proxy with one fault that fails no unrelated
check. A check without such a fault fails a test. For the released crate's
agent and the released proxy see [conform-zentinel-0.6.45.md](conform-zentinel-0.6.45.md).

## An agent

${HEAD}
${rows(agent)}

## A proxy

${HEAD}
${rows(proxy)}
`;
}
