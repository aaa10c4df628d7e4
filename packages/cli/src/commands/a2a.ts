import { constants } from 'node:os';
import type { TailedMessage } from '@agentwire/a2a-nats';
import { messageToJson } from '@agentwire/a2a-router';
import { printableStart } from '@agentwire/core/internal';
import { describeTarget, payloadType } from '@agentwire/a2a-router/internal';
import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { addCredentialFlags, type CredentialFlags, placeOf, readCredentials } from './a2a-credentials.ts';
import { addDeadLettersCommand } from './a2a-dead-letters.ts';
import { addLookCommands } from './a2a-look.ts';
import { addTalkCommands } from './a2a-talk.ts';
import { jsonLine, line, type Terminal, tint } from '../output/terminal.ts';

interface TailFlags extends CredentialFlags {
  readonly prefix: string;
  readonly json?: boolean;
}

const EXAMPLE = 'agentwire a2a tail nats://127.0.0.1:4222';
const SIGNED_IN = 'agentwire a2a tail nats://127.0.0.1:4222 --user watcher --password-file password.txt';

function show(
  { at, source, way, message, control, problem, skipped }: TailedMessage,
  stream: Terminal['stdout'],
): string {
  const time = tint('quiet', new Date(at).toISOString().slice(11, 23), stream);
  const lost = skipped === 0 ? '' : `${tint('warn', `(${skipped} not shown)`, stream)} `;
  const what =
    message === undefined
      ? control === undefined
        ? tint('bad', printableStart(problem ?? 'unreadable'), stream)
        : tint('quiet', printableStart(control), stream)
      : `${printableStart(`${message.from} → ${describeTarget(message.target)}`)} ${tint('quiet', printableStart(payloadType(message.payload)), stream)}`;
  return `${time} ${lost}${tint('name', printableStart(source), stream)} ${way} ${what}`;
}

async function run(url: string, flags: TailFlags, context: CommandContext): Promise<void> {
  // loaded here, because no other command needs a NATS client
  const { createNatsAuth, tail } = await import('@agentwire/a2a-nats');
  const auth = createNatsAuth(readCredentials(flags, SIGNED_IN));
  const { stdout, stderr } = context.terminal;
  const ending = new AbortController();
  let isReady = false;
  const end = (signal: NodeJS.Signals): void => {
    // a connection that is being made cannot be ended, and there is nothing to leave
    if (!isReady) process.exit(128 + constants.signals[signal]);
    ending.abort();
  };
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  const onReady = (): void => {
    isReady = true;
    line(stderr, `listening to ${flags.prefix}.> on ${placeOf(url)}; Ctrl-C ends it`);
  };
  for await (const message of tail(url, { auth, prefix: flags.prefix, signal: ending.signal, onReady })) {
    const { message: content, ...about } = message;
    if (flags.json) jsonLine(stdout, content === undefined ? about : { ...about, message: messageToJson(content) });
    else line(stdout, show(message, stdout));
  }
}

/** `agentwire a2a`: sends and inspects messages between agents. */
export function addA2aCommand(program: Command, context: CommandContext): void {
  const a2a = program.command('a2a').description('send, ask and look at messages between agents');
  addTalkCommands(a2a, context);
  addLookCommands(a2a, context);
  addDeadLettersCommand(a2a, context);
  addCredentialFlags(
    a2a
      .command('tail')
      .description(
        'print messages between nodes as they pass; payloads are shown only with --json. Its user must be allowed to subscribe to <prefix>.>',
      )
      .argument('<url>', 'a NATS server, for example nats://127.0.0.1:4222')
      .option('--prefix <word>', 'first word of every subject', 'a2a')
      .option('--json', 'one JSON document per line, payloads too'),
  )
    .showHelpAfterError(`for example: ${EXAMPLE}`)
    .action((url: string, flags: TailFlags) => run(url, flags, context));
}
