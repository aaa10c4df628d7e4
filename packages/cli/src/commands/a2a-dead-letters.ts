import { type DurableDeadLetter } from '@agentwire/a2a-nats';
import { messageToJson } from '@agentwire/a2a-router';
import { printableStart } from '@agentwire/core/internal';
import { describeTarget } from '@agentwire/a2a-router/internal';
import { type Command, InvalidArgumentError } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { jsonLine, line, tint } from '../output/terminal.ts';
import { addCredentialFlags, type CredentialFlags, readCredentials } from './a2a-credentials.ts';

interface DeadFlags extends CredentialFlags {
  readonly prefix: string;
  readonly node: string;
  readonly limit: number;
  readonly redrive?: true | number;
  readonly json?: boolean;
}

const EXAMPLE = 'agentwire a2a dead-letters nats://127.0.0.1:4222 orders --node shop --redrive 7';

async function run(url: string, inbox: string, flags: DeadFlags, { terminal }: CommandContext): Promise<void> {
  const { createNatsAuth, createNatsBackend } = await import('@agentwire/a2a-nats');
  const auth = createNatsAuth(readCredentials(flags, EXAMPLE));
  // only reads the streams of the node: without a router it consumes no message of the node
  const backend = await createNatsBackend({
    nodeId: flags.node,
    servers: url,
    auth,
    prefix: flags.prefix,
    // a name that no inbox of the node has is an error, and no inbox without dead letters
    durable: { create: false, inboxes: [inbox] },
  });
  const { stdout, stderr } = terminal;
  const redriven: number[] = [];
  try {
    const letters = typeof flags.redrive === 'number' ? [] : await backend.deadLetters(inbox, flags.limit);
    const again = typeof flags.redrive === 'number' ? [flags.redrive] : letters.map(({ sequence }) => sequence);
    if (flags.redrive === undefined) {
      show(letters, flags.json === true, stdout);
      if (letters.length === 0) line(stderr, `inbox ${inbox} of node ${flags.node} has no dead letters`);
      return;
    }
    for (const sequence of again) {
      await backend.redrive(inbox, sequence);
      redriven.push(sequence);
      if (flags.json !== true) line(stdout, `put back: ${sequence}`);
    }
  } finally {
    if (flags.json === true && flags.redrive !== undefined) jsonLine(stdout, { redriven });
    await backend.close();
  }
}

function show(
  letters: readonly DurableDeadLetter[],
  isJson: boolean,
  stdout: CommandContext['terminal']['stdout'],
): void {
  if (isJson) {
    const all = letters.map(({ message, ...about }) =>
      message === undefined ? about : { ...about, message: messageToJson(message) },
    );
    jsonLine(stdout, { letters: all });
    return;
  }
  for (const { sequence, reason, why, source, message } of letters) {
    const from = message === undefined ? source : `${source}/${message.from} → ${describeTarget(message.target)}`;
    line(stdout, `${sequence} ${tint('bad', reason, stdout)} ${printableStart(`${from}: ${why}`, 512)}`);
  }
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError('it must be a whole number from 1.');
}

/** Adds `a2a dead-letters`. */
export function addDeadLettersCommand(a2a: Command, context: CommandContext): void {
  addCredentialFlags(
    a2a
      .command('dead-letters')
      .description(
        'list what a durable inbox gave up, oldest first, or put it back; payloads are shown only with --json',
      )
      .argument('<url>', 'a NATS server, for example nats://127.0.0.1:4222')
      .argument('<inbox>', 'name of the durable inbox')
      .requiredOption('--node <name>', 'node of the inbox')
      .option('--prefix <word>', 'first word of every subject', 'a2a')
      .option('--limit <n>', 'letters at most', count, 100)
      .option('--redrive [sequence]', 'put one letter back into the inbox, or all that would be listed', count)
      .option('--json', 'one JSON document, payloads too'),
  )
    .showHelpAfterError(`for example: ${EXAMPLE}`)
    .action((url: string, inbox: string, flags: DeadFlags) => run(url, inbox, flags, context));
}
