import { AgentwireError, type Capabilities, type Peer, toAgentwireError } from '@agentwire/core';
import { printableStart } from '@agentwire/core/internal';
import type { Command } from 'commander';
import { type CallDecision, callDecision } from '../call/call-decision.ts';
import { CALL_EXAMPLE as EXAMPLE, parseScript, type ScriptFlags } from '../call/call-script.ts';
import { playScript } from '../call/play-script.ts';
import { showDecision } from '../call/show-decision.ts';
import type { CommandContext } from '../command-context.ts';
import { createConsoleLogger } from '../output/log.ts';
import { jsonLine, line, tint } from '../output/terminal.ts';
import { type AgentFlags, findAgent } from '../connect-agent.ts';
import { addTransportFlag } from '../load-transports.ts';
import { addTlsFlags } from '../tls-flags.ts';

interface CallFlags extends AgentFlags, ScriptFlags {
  readonly timeoutMs: string;
  readonly json?: boolean;
}

interface Report {
  agent?: {
    name: string;
    transport: string;
    dialect: string;
    encoding: string;
    capabilities: Capabilities | undefined;
  };
  decisions: CallDecision[];
  error?: { code: string; message: string };
}

async function run(endpoint: string, flags: CallFlags, context: CommandContext): Promise<void> {
  const script = parseScript(flags);
  const agent = await findAgent(endpoint, flags, {
    name: 'agentwire-call',
    timeoutMs: script.timeoutMs,
    logger: createConsoleLogger(context.terminal),
    example: EXAMPLE,
  });
  const { stdout } = context.terminal;
  const report: Report = { decisions: [] };
  try {
    // no `await using`: Node 22 cannot read it in source that was not compiled
    const session = await agent.connect();
    try {
      const { peer } = session.connection;
      report.agent = agentOf(peer, agent.transport);
      if (!flags.json)
        line(
          stdout,
          `${tint('name', printableStart(peer.name, 64), stdout)} on ${agent.address} (${agent.transport}, ${peer.dialect}, ${peer.encoding})`,
        );
      const exchange = session.open();
      const events = peer.capabilities?.events ?? [];
      for await (const [phase, decision, latencyMs] of playScript(exchange, script, {
        ...peer.capabilities,
        events,
      } as Capabilities)) {
        const wire = callDecision(phase, decision, latencyMs);
        report.decisions.push(wire);
        if (!flags.json) line(stdout, showDecision(wire, stdout));
      }
      exchange.end();
    } finally {
      await session.close();
    }
  } catch (error) {
    const { code, message } = toAgentwireError(error, 'ERR_CONNECT');
    report.error = { code, message };
    context.status = 1;
    if (!flags.json) throw new AgentwireError(code, message, { cause: error });
  }
  if (flags.json) jsonLine(stdout, { agent: report.agent, decisions: report.decisions, error: report.error });
}

function agentOf(peer: Peer, transport: string): NonNullable<Report['agent']> {
  const { name, dialect, encoding, capabilities } = peer;
  return { name, transport, dialect, encoding, capabilities };
}

const collect = (value: string, before: string[]): string[] => [...before, value];

/** `agentwire call`: one request through one agent. */
export function addCallCommand(program: Command, context: CommandContext): void {
  addTransportFlag(addTlsFlags(program.command('call'), false))
    .description('play one request through an agent and print each decision; a block is a result too')
    .argument('<endpoint>', 'the agent')
    .option('--method <method>', 'method of the request', 'GET')
    .option('--uri <uri>', 'path and query of the request', '/')
    .option('-H, --header <header>', "a header of the request, 'name: value'; may be given more than once", collect, [])
    .option('--body <text>', 'body of the request, or @FILE')
    .option('--chunk-bytes <n>', 'length of a body chunk', '65536')
    .option('--response <status>', 'go on with a response of this status')
    .option('--response-header <header>', 'a header of the response; may be given more than once', collect, [])
    .option('--response-body <text>', 'body of the response, or @FILE')
    .option('--dialect <dialect>', 'documented or zentinel; not over gRPC')
    .option('--encoding <encoding>', 'json or msgpack')
    .option('--timeout-ms <ms>', 'how long a decision may take', '30000')
    .option('--token-file <file>', 'file with the token that the agent asks for')
    .option('--json', 'one JSON document')
    .showHelpAfterError(`for example: ${EXAMPLE}`)
    .action((endpoint: string, flags: CallFlags) => run(endpoint, flags, context));
}
