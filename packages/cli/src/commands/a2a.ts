import type { NatsCredentials, TailedMessage } from '@agentwire/a2a-nats';
import { describeTarget, messageToJson, payloadType } from '@agentwire/a2a-router';
import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { readNamedFile, readSecret, readToken } from '../read-named-file.ts';
import { UsageError } from '../usage-error.ts';
import { jsonLine, line, type Terminal, tint } from '../output/terminal.ts';

interface CredentialFlags {
  readonly user?: string;
  readonly passwordFile?: string;
  readonly creds?: string;
  readonly nkey?: string;
  readonly tokenFile?: string;
  readonly tls?: boolean;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

interface TailFlags extends CredentialFlags {
  readonly prefix: string;
  readonly json?: boolean;
}

const EXAMPLE = 'agentwire a2a tail nats://127.0.0.1:4222';
const SIGNED_IN = 'agentwire a2a tail nats://127.0.0.1:4222 --user watcher --password-file password.txt';

/** What the flags say of the user; secrets stand in files, because a command line is open to everybody on the machine. */
function readCredentials(flags: CredentialFlags): NatsCredentials {
  const { user, passwordFile, creds, nkey, tokenFile, tlsCa, tlsCert, tlsKey } = flags;
  const ways = Object.entries({ '--user': user, '--creds': creds, '--nkey': nkey, '--token-file': tokenFile });
  const used = ways.filter(([, value]) => value !== undefined).map(([flag]) => flag);
  if (used.length > 1) throw new UsageError(`one way to sign in is enough, not ${used.join(' and ')}`, SIGNED_IN);
  if ((user === undefined) !== (passwordFile === undefined))
    throw new UsageError('--user and --password-file go together', SIGNED_IN);
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new UsageError('--tls-cert and --tls-key go together', SIGNED_IN);
  const pem = (flag: string, path: string): string => readNamedFile(flag, path, SIGNED_IN).toString('utf8');
  const tls = {
    ...(tlsCa === undefined ? {} : { ca: pem('--tls-ca', tlsCa) }),
    ...(tlsCert === undefined ? {} : { cert: pem('--tls-cert', tlsCert) }),
    ...(tlsKey === undefined ? {} : { key: pem('--tls-key', tlsKey) }),
  };
  return {
    ...(user === undefined ? {} : { user }),
    ...(passwordFile === undefined ? {} : { password: readSecret('--password-file', passwordFile, SIGNED_IN) }),
    ...(creds === undefined ? {} : { creds: readNamedFile('--creds', creds, SIGNED_IN) }),
    ...(nkey === undefined ? {} : { nkey: readNamedFile('--nkey', nkey, SIGNED_IN) }),
    ...(tokenFile === undefined ? {} : { token: readToken(tokenFile, SIGNED_IN) }),
    ...(flags.tls === true || Object.keys(tls).length > 0 ? { tls } : {}),
  };
}

function show(
  { at, source, way, message, control, problem, skipped }: TailedMessage,
  stream: Terminal['stdout'],
): string {
  const time = tint('quiet', new Date(at).toISOString().slice(11, 23), stream);
  const lost = skipped === 0 ? '' : `${tint('warn', `(${skipped} not shown)`, stream)} `;
  const what =
    message === undefined
      ? control === undefined
        ? tint('bad', problem ?? 'unreadable', stream)
        : tint('quiet', control, stream)
      : `${message.from} → ${describeTarget(message.target)} ${tint('quiet', payloadType(message.payload), stream)}`;
  return `${time} ${lost}${tint('name', source, stream)} ${way} ${what}`;
}

async function run(url: string, flags: TailFlags, context: CommandContext): Promise<void> {
  // loaded here, because no other command needs a NATS client
  const { createNatsAuth, tail } = await import('@agentwire/a2a-nats');
  const auth = createNatsAuth(readCredentials(flags));
  const { stdout, stderr } = context.terminal;
  const ending = new AbortController();
  const end = (): void => ending.abort();
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
  const onReady = (): void => line(stderr, `listening to ${flags.prefix}.> on ${url}; Ctrl-C ends it`);
  for await (const message of tail(url, { auth, prefix: flags.prefix, signal: ending.signal, onReady })) {
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
    .option('--user <name>', 'user to sign in as; it must be allowed to subscribe to <prefix>.>')
    .option('--password-file <file>', 'file with the password of the user')
    .option('--creds <file>', 'file with a JWT and the seed of its nkey')
    .option('--nkey <file>', 'file with the seed of an nkey')
    .option('--token-file <file>', 'file with a token')
    .option('--tls', 'connect with TLS only')
    .option('--tls-ca <file>', 'authorities for the server, PEM')
    .option('--tls-cert <file>', 'own certificate chain, PEM')
    .option('--tls-key <file>', 'own private key, PEM')
    .showHelpAfterError(`for example: ${EXAMPLE}`)
    .action((url: string, flags: TailFlags) => run(url, flags, context));
}
