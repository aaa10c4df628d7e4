import { verifyChainFile } from '@agentwire/a2a-router';
import { readChainKeys } from '@agentwire/a2a-router/internal';
import { AgentwireError } from '@agentwire/core';
import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { printableLines } from '../output/printable-lines.ts';
import { jsonLine, line } from '../output/terminal.ts';

interface VerifyFlags {
  readonly keyFile?: readonly string[];
  readonly head?: string;
  readonly chainId?: number;
  readonly segments?: boolean;
  readonly json?: boolean;
}

const EXAMPLE = 'agentwire chain verify audit.ndjson --key-file chain.key';

function verify(file: string, flags: VerifyFlags, context: CommandContext): void {
  const { keyFile, head, chainId, segments } = flags;
  const { summary, ...report } = verifyChainFile(file, {
    ...(keyFile !== undefined && { key: keyFile.flatMap((path) => readChainKeys(path)) }),
    ...(head !== undefined && { head }),
    ...(chainId !== undefined && { chainId }),
    ...(segments !== undefined && { segments }),
  });
  if (flags.json) jsonLine(context.terminal.stdout, report);
  else line(context.terminal.stdout, printableLines(summary));
  if (!report.ok) context.status = 1;
}

/** Adds a correct command line to the error of an unreadable file. */
function verifyNamed(file: string, flags: VerifyFlags, context: CommandContext): void {
  try {
    verify(file, flags, context);
  } catch (error) {
    if (!(error instanceof AgentwireError) || error.code !== 'ERR_IO') throw error;
    throw new AgentwireError('ERR_IO', `${error.message}; for example: ${EXAMPLE}`, { cause: error });
  }
}

/** `agentwire chain`: looks at audit chains. */
export function addChainCommand(program: Command, context: CommandContext): void {
  const chain = program.command('chain').description('look at an audit chain');
  chain
    .command('verify')
    .description('check every hash, key and signature of a chain; status 1 when it does not hold')
    .argument('<file>', 'the chain')
    .option(
      '--key-file <file>',
      'secret of a keyed chain, as its bytes, as text on one line or as hex digits, or public key (PEM) of a signed one; again for each key of a chain whose key was rotated',
      (file: string, before: readonly string[] | undefined) => [...(before ?? []), file],
    )
    .option('--head <sequence:hash>', 'a head that was kept outside, so that a cut is found')
    .option('--chain-id <number>', 'number that the chain must have', Number)
    .option('--segments', 'verify the segments <file>.000001, … and the file as a row')
    .option('--json', 'one JSON document')
    .showHelpAfterError(`for example: ${EXAMPLE}`)
    .action((file: string, flags: VerifyFlags) => verifyNamed(file, flags, context));
}
