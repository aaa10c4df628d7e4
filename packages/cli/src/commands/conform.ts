import type { ConformReport, ConformTls } from '@agentwire/conform';
import { parseEndpoint } from '@agentwire/core';
import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { drawChecks, drawResults, summary } from '../output/check-results.ts';
import { jsonLine, line, tint } from '../output/terminal.ts';
import { readNamedFile, readToken } from '../named-files.ts';
import { addTlsFlags, checkTlsFlags, type TlsFlags } from '../tls-flags.ts';
import { UsageError } from '../usage-error.ts';
import { checkChoice, type Dialect, refuseDialectOverGrpc } from './wire-choices.ts';

interface ConformFlags extends TlsFlags {
  readonly list?: boolean;
  readonly tokenFile?: string;
  readonly dialect?: string;
  readonly timeoutMs: string;
  readonly proxy?: boolean;
  readonly drive?: string;
  readonly waitMs: string;
  readonly json?: boolean;
}

const EXAMPLE = 'agentwire conform unix:/tmp/waf.sock';
const PROXY_EXAMPLE = 'agentwire conform --proxy unix:/tmp/waf.sock --drive http://127.0.0.1:8080';

function integer(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(`${flag} takes a number from ${min} to ${max}, got ${JSON.stringify(text)}`, EXAMPLE);
}

function driveUrl({ proxy, drive }: ConformFlags): string | undefined {
  if (proxy !== true && drive === undefined) return undefined;
  if (proxy === true && drive !== undefined && URL.canParse(drive)) return drive;
  throw new UsageError(
    '--proxy needs --drive URL, where the proxy accepts HTTP requests, and --drive needs --proxy',
    PROXY_EXAMPLE,
  );
}

function tlsOf({ tlsCert, tlsKey, tlsCa, tlsServerName }: TlsFlags): ConformTls {
  const read = (flag: string, file: string | undefined): Buffer | undefined =>
    file === undefined ? undefined : readNamedFile(flag, file, EXAMPLE);
  return {
    cert: read('--tls-cert', tlsCert),
    key: read('--tls-key', tlsKey),
    ca: read('--tls-ca', tlsCa),
    servername: tlsServerName,
  };
}

async function run(text: string, flags: ConformFlags, context: CommandContext): Promise<ConformReport> {
  const dialect = checkChoice<Dialect>('--dialect', flags.dialect, ['documented', 'zentinel'], EXAMPLE);
  const timeoutMs = integer('--timeout-ms', flags.timeoutMs, 100, 60_000);
  const waitMs = integer('--wait-ms', flags.waitMs, 100, 86_400_000);
  const url = driveUrl(flags);
  const { scheme, address } = parseEndpoint(text);
  if (scheme === 'memory') throw new UsageError('nothing can be checked over memory:', EXAMPLE);
  refuseDialectOverGrpc(scheme, dialect, EXAMPLE);
  checkTlsFlags(flags, url === undefined ? { dials: [address] } : { listens: [address] }, EXAMPLE);
  if (url !== undefined && flags.tokenFile !== undefined)
    throw new UsageError('--token-file is the token that an agent requires; a proxy has its own', PROXY_EXAMPLE);
  const token = flags.tokenFile === undefined ? undefined : readToken('--token-file', flags.tokenFile, EXAMPLE);
  const { stderr } = context.terminal;
  const tell = (words: string): void => {
    if (flags.json !== true) line(stderr, tint('quiet', words, stderr));
  };
  const { checkAgent, checkProxy } = await import('@agentwire/conform');
  const shared = { dialect, timeoutMs, tls: tlsOf(flags) };
  if (url === undefined)
    return checkAgent(address, { ...shared, token, onForm: (form) => tell(`checking ${address} (${form})`) });
  return checkProxy(address, {
    ...shared,
    url,
    waitMs,
    onListening: (where, form) => tell(`listening ${where} (${form}), waiting for a proxy`),
  });
}

async function list(json: boolean | undefined, context: CommandContext): Promise<void> {
  const { listChecks } = await import('@agentwire/conform');
  const { stdout } = context.terminal;
  if (json) jsonLine(stdout, { checks: listChecks() });
  else line(stdout, drawChecks(listChecks()));
}

async function conform(text: string | undefined, flags: ConformFlags, context: CommandContext): Promise<void> {
  if (flags.list === true) return list(flags.json, context);
  if (text === undefined) throw new UsageError('conform needs an endpoint, or --list', EXAMPLE);
  const report = await run(text, flags, context);
  const { stdout } = context.terminal;
  context.status = report.holds ? 0 : 1;
  if (flags.json) return jsonLine(stdout, report);
  line(stdout, drawResults(report.results, stdout));
  line(stdout, summary(report.results));
}

/** `agentwire conform`: black-box checks of an agent or a proxy. */
export function addConformCommand(program: Command, context: CommandContext): void {
  addTlsFlags(program.command('conform'), true)
    .description('check an agent, or with --proxy a proxy, against the protocol from outside, frame by frame')
    .argument('[endpoint]', 'the agent (unix:PATH, grpc://HOST:PORT, …), or where the proxy expects it')
    .option('--list', 'list every check and its requirement instead')
    .option('--dialect <dialect>', 'check documented or zentinel alone; not over gRPC')
    .option('--timeout-ms <ms>', 'timeout of every single wait', '2000')
    .option('--proxy', 'listen at the endpoint as an agent, and check the proxy that connects to it')
    .option('--drive <url>', 'where that proxy accepts the HTTP requests of the checks')
    .option('--token-file <file>', 'file with the token that the agent requires')
    .option('--wait-ms <ms>', 'longest wait for a proxy', '30000')
    .option('--json', 'one JSON document')
    .showHelpAfterError(`for example: ${EXAMPLE}`)
    .action((endpoint: string | undefined, flags: ConformFlags) => conform(endpoint, flags, context));
}
