import { type Endpoint, parseEndpoint, systemClock } from '@agentwire/core';
import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { checkAgent } from '../conform/agent/check-agent.ts';
import type { CheckResult } from '../conform/check.ts';
import { drawResults, holds, summary } from '../conform/report/draw-results.ts';
import type { Form } from '../conform/wire/wire.ts';
import { jsonLine, line, tint } from '../output/terminal.ts';
import { UsageError } from '../usage-error.ts';
import { checkChoice, type Dialect, refuseDialectOverGrpc } from './wire-choices.ts';

interface ConformFlags {
  readonly dialect?: string;
  readonly timeoutMs: string;
  readonly json?: boolean;
}

const EXAMPLE = 'agentwire conform unix:/tmp/waf.sock';
const STREAMS: ReadonlySet<string> = new Set(['unix', 'tcp', 'tls']);

function formsOf({ scheme }: Endpoint, dialect: Dialect | undefined): readonly Form[] {
  if (scheme === 'grpc' || scheme === 'grpcs') return ['grpc'];
  if (!STREAMS.has(scheme)) throw new UsageError(`nothing can be checked over ${scheme}:`, EXAMPLE);
  return dialect === undefined ? ['documented', 'zentinel'] : [dialect];
}

/** With no dialect asked for, one in which the handshake is not answered is one that the agent does not speak. */
function forgive(results: readonly CheckResult[], asked: boolean): readonly CheckResult[] {
  const first = results[0];
  if (asked || first?.outcome !== 'fail') return results;
  return [{ ...first, outcome: 'skip', why: `this dialect is not spoken: ${first.why ?? ''}` }];
}

async function run(text: string, flags: ConformFlags, context: CommandContext): Promise<void> {
  const dialect = checkChoice<Dialect>('--dialect', flags.dialect, ['documented', 'zentinel'], EXAMPLE);
  const patienceMs = Number(flags.timeoutMs);
  if (!Number.isInteger(patienceMs) || patienceMs < 100 || patienceMs > 60_000) {
    throw new UsageError(`--timeout-ms takes a number from 100 to 60000, got ${flags.timeoutMs}`, EXAMPLE);
  }
  const endpoint = parseEndpoint(text);
  refuseDialectOverGrpc(endpoint.scheme, dialect, EXAMPLE);
  const { stdout, stderr } = context.terminal;
  const results: CheckResult[] = [];
  for (const form of formsOf(endpoint, dialect)) {
    if (!flags.json) line(stderr, tint('quiet', `checking ${endpoint.address} (${form})`, stderr));
    const found = await checkAgent(endpoint, form, { clock: systemClock, patienceMs });
    results.push(...forgive(found, dialect !== undefined || form === 'grpc'));
  }
  context.status = holds(results) ? 0 : 1;
  if (flags.json) {
    jsonLine(stdout, { endpoint: endpoint.address, holds: context.status === 0, results });
    return;
  }
  line(stdout, drawResults(results, stdout));
  line(stdout, summary(results));
}

/** `agentwire conform`: puts an agent through the protocol from outside. */
export function addConformCommand(program: Command, context: CommandContext): void {
  program
    .command('conform')
    .description('put an agent through the protocol from outside, frame by frame')
    .argument('<endpoint>', 'the agent (unix:PATH, grpc://HOST:PORT, …)')
    .option('--dialect <dialect>', 'documented or zentinel alone; not over gRPC')
    .option('--timeout-ms <ms>', 'how long anything is waited for', '2000')
    .option('--json', 'one JSON document')
    .showHelpAfterError(`for example: ${EXAMPLE}`)
    .action((endpoint: string, flags: ConformFlags) => run(endpoint, flags, context));
}
