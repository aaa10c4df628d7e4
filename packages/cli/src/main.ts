import { readFileSync } from 'node:fs';
import { AgentwireError } from '@agentwire/core';
import { Command, CommanderError } from 'commander';
import type { CommandContext, ExitStatus } from './command-context.ts';
import { addA2aCommand } from './commands/a2a.ts';
import { addAgentCommand } from './commands/agent.ts';
import { addBenchCommand } from './commands/bench.ts';
import { addCallCommand } from './commands/call.ts';
import { addChainCommand } from './commands/chain.ts';
import { addConformCommand } from './commands/conform.ts';
import { addDemoCommand } from './commands/demo.ts';
import { addGatewayCommand } from './commands/gateway.ts';
import { line, processTerminal, type Terminal, tint } from './output/terminal.ts';
import { UsageError } from './usage-error.ts';

/** The version in the package's own manifest, which lies beside `src` and `dist`. */
function ownVersion(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

function build(context: CommandContext): Command {
  const program = new Command('agentwire')
    .description('Ask agents what to do with each HTTP request: run agents, a gateway, and look at both.')
    .version(ownVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.terminal.stdout.write(text),
      writeErr: (text) => context.terminal.stderr.write(text),
    })
    .showHelpAfterError('(agentwire help COMMAND lists the options)');
  addDemoCommand(program, context);
  addAgentCommand(program, context);
  addGatewayCommand(program, context);
  addCallCommand(program, context);
  addBenchCommand(program, context);
  addConformCommand(program, context);
  addChainCommand(program, context);
  addA2aCommand(program, context);
  return program;
}

function report(error: unknown, terminal: Terminal): ExitStatus {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const bad = tint('bad', 'error', terminal.stderr);
  if (error instanceof UsageError) {
    line(terminal.stderr, `${bad} ${error.message}`);
    line(terminal.stderr, `      for example: ${error.example}`);
    return 2;
  }
  const code = error instanceof AgentwireError ? `${error.code} ` : '';
  line(terminal.stderr, `${bad} ${code}${error instanceof Error ? error.message : String(error)}`);
  return error instanceof AgentwireError && error.code === 'ERR_INVALID_ADDRESS' ? 2 : 1;
}

/** Runs one command line, without the name of the program. @returns the exit status */
export async function main(args: readonly string[], terminal: Terminal = processTerminal): Promise<ExitStatus> {
  const context: CommandContext = { terminal, status: 0 };
  try {
    await build(context).parseAsync(args, { from: 'user' });
    return context.status;
  } catch (error) {
    return report(error, terminal);
  }
}
