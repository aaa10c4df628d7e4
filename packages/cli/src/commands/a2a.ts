import type { TailedMessage } from '@agentwire/a2a-nats';
import { describeTarget, messageToJson, payloadType } from '@agentwire/a2a-router';
import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { jsonLine, line, type Terminal, tint } from '../output/terminal.ts';

interface TailFlags {
  readonly prefix: string;
  readonly json?: boolean;
}

const EXAMPLE = 'agentwire a2a tail nats://127.0.0.1:4222';

function show({ at, source, way, message, problem, skipped }: TailedMessage, stream: Terminal['stdout']): string {
  const time = tint('quiet', new Date(at).toISOString().slice(11, 23), stream);
  const lost = skipped === 0 ? '' : `${tint('warn', `(${skipped} not shown)`, stream)} `;
  const what =
    message === undefined
      ? tint('bad', problem ?? 'unreadable', stream)
      : `${message.from} → ${describeTarget(message.target)} ${tint('quiet', payloadType(message.payload), stream)}`;
  return `${time} ${lost}${tint('name', source, stream)} ${way} ${what}`;
}

async function run(url: string, flags: TailFlags, context: CommandContext): Promise<void> {
  // loaded here, because no other command needs a NATS client
  const { tail } = await import('@agentwire/a2a-nats');
  const { stdout, stderr } = context.terminal;
  const ending = new AbortController();
  const end = (): void => ending.abort();
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  const onReady = (): void => line(stderr, `listening to ${flags.prefix}.> on ${url}; Ctrl-C ends it`);
  for await (const message of tail(url, { prefix: flags.prefix, signal: ending.signal, onReady })) {
    const { message: content, ...about } = message;
    if (flags.json) jsonLine(stdout, content === undefined ? about : { ...about, message: messageToJson(content) });
    else line(stdout, show(message, stdout));
  }
}

/** `agentwire a2a`: looks at messages between agents. */
export function addA2aCommand(program: Command, context: CommandContext): void {
  const a2a = program.command('a2a').description('look at messages between agents');
  a2a
    .command('tail')
    .description('print messages between nodes as they pass; payloads are shown only with --json')
    .argument('<url>', 'a NATS server, for example nats://127.0.0.1:4222')
    .option('--prefix <word>', 'first word of every subject', 'a2a')
    .option('--json', 'one JSON document per line, payloads too')
    .showHelpAfterError(`for example: ${EXAMPLE}`)
    .action((url: string, flags: TailFlags) => run(url, flags, context));
}
