import { AgentwireError } from '@agentwire/core';
import { printableList, printableStart } from '@agentwire/core/internal';
import type { Command } from 'commander';
import { parseHeaders } from '../call/parse-headers.ts';
import type { CommandContext } from '../command-context.ts';
import { type AgentFlags, findAgent } from '../connect-agent.ts';
import { addTransportFlag } from '../load-transports.ts';
import { createConsoleLogger } from '../output/log.ts';
import { jsonLine, line, tint } from '../output/terminal.ts';
import { agentsIn, replayFile } from '../replay/replay-file.ts';
import { showCounts, showReplayed } from '../replay/show-replayed.ts';
import { addTlsFlags } from '../tls-flags.ts';
import { UsageError } from '../usage-error.ts';

interface ReplayFlags extends AgentFlags {
  readonly agent?: string;
  readonly concurrency: string;
  readonly header: string[];
  readonly timeoutMs: string;
  readonly json?: boolean;
}

const EXAMPLE = 'agentwire replay recording.ndjson unix:/tmp/waf.sock --agent waf';

function integer(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new UsageError(`${flag} takes a number from ${min} to ${max}, got ${JSON.stringify(text)}`, EXAMPLE);
}

/** Returns the agent whose requests are asked again. @throws UsageError where it is not in the file, or there are several */
async function chosenAgent(file: string, wanted: string | undefined): Promise<string> {
  let names: ReadonlySet<string>;
  try {
    names = await agentsIn(file);
  } catch (error) {
    if (error instanceof AgentwireError) throw new UsageError(error.message, EXAMPLE);
    throw error;
  }
  const list = printableList([...names].toSorted());
  const [only] = names;
  if (only === undefined) throw new UsageError(`${file} is no recording: it has no line of one`, EXAMPLE);
  if (wanted !== undefined && !names.has(wanted))
    throw new UsageError(`--agent is ${JSON.stringify(wanted)}, but the recording has ${list}`, EXAMPLE);
  if (wanted === undefined && names.size > 1)
    throw new UsageError(`the recording has several agents; name one with --agent: ${list}`, EXAMPLE);
  return wanted ?? only;
}

async function run(file: string, endpoint: string, flags: ReplayFlags, context: CommandContext): Promise<void> {
  const concurrency = integer('--concurrency', flags.concurrency, 1, 1_000);
  const timeoutMs = integer('--timeout-ms', flags.timeoutMs, 1, 86_400_000);
  const lines = parseHeaders('-H', flags.header, EXAMPLE);
  const headers = new Map<string, string>();
  for (let at = 0; at < lines.length; at += 2) headers.set((lines[at] ?? '').toLowerCase(), lines[at + 1] ?? '');
  const logger = createConsoleLogger(context.terminal);
  const found = await findAgent(endpoint, flags, { name: 'agentwire-replay', timeoutMs, logger, example: EXAMPLE });
  const agent = await chosenAgent(file, flags.agent);
  const { stdout } = context.terminal;
  // no `await using`: Node 22 cannot read it in source that was not compiled
  const session = await found.connect();
  try {
    const { peer } = session.connection;
    if (!flags.json) {
      const [asked, name] = [agent, peer.name].map((text) => printableStart(text, 64));
      line(stdout, `${tint('name', asked ?? '', stdout)} asked again: ${name} on ${found.address}`);
    }
    const { redacted, ...counts } = await replayFile(file, session, {
      agent,
      concurrency,
      timeoutMs,
      headers,
      onReplayed: (request, replayed) => {
        const { outcome, event, differences, error } = replayed;
        if (outcome !== 'changed' && outcome !== 'failed') return;
        if (!flags.json) return line(stdout, showReplayed(request, replayed, stdout));
        const { id, request: head } = request;
        const fault = error && { code: error.code, message: error.message };
        jsonLine(stdout, { outcome, id, method: head.method, uri: head.uri, event, differences, error: fault });
      },
    });
    if (flags.json) jsonLine(stdout, { outcome: 'summary', agent, ...counts, redacted: Object.fromEntries(redacted) });
    else for (const text of showCounts({ ...counts, redacted })) line(stdout, text);
    if (counts.changed > 0 || counts.failed > 0) context.status = 1;
  } finally {
    await session.close();
  }
}

/** `agentwire replay`: a recording's requests through an agent again. */
export function addReplayCommand(program: Command, context: CommandContext): void {
  addTransportFlag(addTlsFlags(program.command('replay'), false))
    .description(
      "ask an agent again what a gateway's recording has, and print the decisions that differ; exits with 1 where one does",
    )
    .argument('<file>', 'the recording, of agentwire gateway --record')
    .argument('<endpoint>', 'the agent')
    .option('--agent <name>', 'agent of the recording whose requests are asked; needed where it has several')
    .option('--concurrency <n>', 'requests at a time; more than one may change their order', '1')
    .option(
      '-H, --header <header>',
      "a value in place of a redacted header, 'name: value'; may be given more than once",
      (value: string, before: string[]) => [...before, value],
      [],
    )
    .option('--dialect <dialect>', 'documented or zentinel; not over gRPC')
    .option('--encoding <encoding>', 'json or msgpack')
    .option('--timeout-ms <ms>', 'how long a decision may take', '30000')
    .option('--token-file <file>', 'file with the token that the agent asks for')
    .option('--json', 'one JSON document per changed or failed request, and one with the counts')
    .showHelpAfterError(`for example: ${EXAMPLE}`)
    .action((file: string, endpoint: string, flags: ReplayFlags) => run(file, endpoint, flags, context));
}
