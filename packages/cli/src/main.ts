import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { CommandContext, ExitStatus } from './command-context.ts';
import { endWithReaders, line, processTerminal, type Terminal, tint } from './output/terminal.ts';
import { UsageError } from './usage-error.ts';

type AddCommand = (program: Command, context: CommandContext) => void;

/**
 * Commands by name, each loaded only when it runs or when the help lists all of them. Loading every command with its
 * transports took 920 files, so that `agentwire --version` was 17 times slower than `node -e 0`.
 */
const COMMANDS: ReadonlyMap<string, () => Promise<AddCommand>> = new Map([
  ['demo', async () => (await import('./commands/demo.ts')).addDemoCommand],
  ['agent', async () => (await import('./commands/agent.ts')).addAgentCommand],
  ['gateway', async () => (await import('./commands/gateway.ts')).addGatewayCommand],
  ['top', async () => (await import('./commands/top.ts')).addTopCommand],
  ['call', async () => (await import('./commands/call.ts')).addCallCommand],
  ['replay', async () => (await import('./commands/replay.ts')).addReplayCommand],
  ['bench', async () => (await import('./commands/bench.ts')).addBenchCommand],
  ['conform', async () => (await import('./commands/conform.ts')).addConformCommand],
  ['chain', async () => (await import('./commands/chain.ts')).addChainCommand],
  ['a2a', async () => (await import('./commands/a2a.ts')).addA2aCommand],
]);

/** Version in the package's manifest, which is beside `src` and `dist`. */
function ownVersion(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

async function build(context: CommandContext, first: string | undefined): Promise<Command> {
  const { Command: Program } = await import('commander');
  const program = new Program('agentwire')
    .description('Ask agents what to do with each HTTP request: run agents and a gateway, and inspect both.')
    .version(ownVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.terminal.stdout.write(text),
      writeErr: (text) => context.terminal.stderr.write(text),
    })
    .showHelpAfterError('(agentwire help COMMAND lists the options)');
  const named = COMMANDS.get(first ?? '');
  // without a command's name the help or an error names all of them
  const loaders = named === undefined ? [...COMMANDS.values()] : [named];
  for (const add of await Promise.all(loaders.map((load) => load()))) add(program, context);
  return program;
}

async function report(error: unknown, terminal: Terminal): Promise<ExitStatus> {
  const { CommanderError } = await import('commander');
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  const bad = tint('bad', 'error', terminal.stderr);
  const { printableLines } = await import('./output/printable-lines.ts');
  // a message may have several lines, and quote a peer or a file
  const shown = printableLines(error instanceof Error ? error.message : String(error)).replaceAll('\n', '\n      ');
  if (error instanceof UsageError) {
    line(terminal.stderr, `${bad} ${shown}`);
    if (error.example !== undefined) line(terminal.stderr, `      for example: ${error.example}`);
    return 2;
  }
  const { AgentwireError } = await import('@agentwire/core');
  const code = error instanceof AgentwireError ? `${error.code} ` : '';
  line(terminal.stderr, `${bad} ${code}${shown}`);
  return error instanceof AgentwireError && error.code === 'ERR_INVALID_ADDRESS' ? 2 : 1;
}

/** Runs one command line, without the name of the program. @returns the exit status */
export async function main(args: readonly string[], terminal: Terminal = processTerminal): Promise<ExitStatus> {
  const [first] = args;
  if (terminal === processTerminal) endWithReaders(terminal);
  if (args.length === 1 && (first === '--version' || first === '-V')) {
    line(terminal.stdout, ownVersion());
    return 0;
  }
  const context: CommandContext = { terminal, status: 0 };
  try {
    await (await build(context, first)).parseAsync(args, { from: 'user' });
    return context.status;
  } catch (error) {
    return report(error, terminal);
  }
}
