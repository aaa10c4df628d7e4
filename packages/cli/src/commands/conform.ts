import { type Endpoint, parseEndpoint, systemClock } from '@agentwire/core';
import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { checkAgent } from '../conform/agent/check-agent.ts';
import { checkProxy } from '../conform/proxy/check-proxy.ts';
import { accessOf } from '../conform/raw/access.ts';
import type { CheckResult } from '../conform/check.ts';
import { drawResults, holds, summary } from '../conform/report/draw-results.ts';
import type { Form } from '../conform/wire/wire.ts';
import { jsonLine, line, tint } from '../output/terminal.ts';
import { readToken } from '../read-named-file.ts';
import { addTlsFlags, checkTlsFlags, type TlsFlags } from '../tls-flags.ts';
import { UsageError } from '../usage-error.ts';
import { checkChoice, type Dialect, refuseDialectOverGrpc } from './wire-choices.ts';

interface ConformFlags extends TlsFlags {
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
const STREAMS: ReadonlySet<string> = new Set(['unix', 'tcp', 'tls']);

function formsOf({ scheme }: Endpoint, dialect: Dialect | undefined): readonly Form[] {
  if (scheme === 'grpc' || scheme === 'grpcs') return ['grpc'];
  if (!STREAMS.has(scheme)) throw new UsageError(`nothing can be checked over ${scheme}:`, EXAMPLE);
  return dialect === undefined ? ['documented', 'zentinel'] : [dialect];
}

const isSpoken = (results: readonly CheckResult[]): boolean => results[0]?.outcome === 'pass';

/**
 * With no dialect asked for, one in which the handshake is not answered is one that the agent does not speak, as long as it
 * speaks another: where nobody answers in any dialect, each of them fails.
 */
function forgive(byForm: readonly (readonly CheckResult[])[]): CheckResult[] {
  if (!byForm.some(isSpoken)) return byForm.flat();
  return byForm.flatMap((results) => {
    const [first] = results;
    if (first?.outcome !== 'fail') return results;
    return [{ ...first, outcome: 'skip', why: `this dialect is not spoken: ${first.why ?? ''}` }];
  });
}

function integer(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(`${flag} takes a number from ${min} to ${max}, got ${JSON.stringify(text)}`, EXAMPLE);
}

function driveUrl({ proxy, drive }: ConformFlags): string | undefined {
  if (proxy !== true && drive === undefined) return undefined;
  if (proxy === true && drive !== undefined && URL.canParse(drive)) return drive;
  throw new UsageError(
    '--proxy needs --drive URL, where the proxy takes HTTP requests, and --drive needs --proxy',
    PROXY_EXAMPLE,
  );
}

async function run(text: string, flags: ConformFlags, context: CommandContext): Promise<void> {
  const dialect = checkChoice<Dialect>('--dialect', flags.dialect, ['documented', 'zentinel'], EXAMPLE);
  const patienceMs = integer('--timeout-ms', flags.timeoutMs, 100, 60_000);
  const waitMs = integer('--wait-ms', flags.waitMs, 100, 86_400_000);
  const url = driveUrl(flags);
  const endpoint = parseEndpoint(text);
  refuseDialectOverGrpc(endpoint.scheme, dialect, EXAMPLE);
  checkTlsFlags(flags, url === undefined ? { dials: [endpoint.address] } : { listens: [endpoint.address] }, EXAMPLE);
  if (url !== undefined && flags.tokenFile !== undefined)
    throw new UsageError('--token-file is what an agent asks for; a proxy shows its own', PROXY_EXAMPLE);
  const token = flags.tokenFile === undefined ? undefined : readToken(flags.tokenFile, EXAMPLE);
  const access = { ...accessOf(flags, EXAMPLE), token };
  const { stdout, stderr } = context.terminal;
  const tell = (words: string): void => {
    if (flags.json !== true) line(stderr, tint('quiet', words, stderr));
  };
  const results: CheckResult[] = [];
  const byForm: CheckResult[][] = [];
  for (const form of formsOf(endpoint, dialect)) {
    if (url !== undefined) {
      const onListening = (address: string): void => tell(`listening ${address} (${form}), waiting for a proxy`);
      results.push(
        ...(await checkProxy(endpoint, form, { clock: systemClock, patienceMs, waitMs, url, access, onListening })),
      );
      continue;
    }
    tell(`checking ${endpoint.address} (${form})`);
    byForm.push(await checkAgent(endpoint, form, { clock: systemClock, patienceMs, access }));
  }
  results.push(...forgive(byForm));
  context.status = holds(results) ? 0 : 1;
  if (flags.json) {
    jsonLine(stdout, { endpoint: endpoint.address, holds: context.status === 0, results });
    return;
  }
  line(stdout, drawResults(results, stdout));
  line(stdout, summary(results));
}

/** `agentwire conform`: puts an agent, or a proxy, through the protocol from outside. */
export function addConformCommand(program: Command, context: CommandContext): void {
  addTlsFlags(program.command('conform'), true)
    .description('put an agent, or with --proxy a proxy, through the protocol from outside, frame by frame')
    .argument('<endpoint>', 'the agent (unix:PATH, grpc://HOST:PORT, …), or where the proxy expects it')
    .option('--dialect <dialect>', 'documented or zentinel alone; not over gRPC')
    .option('--timeout-ms <ms>', 'how long anything is waited for', '2000')
    .option('--proxy', 'play the agent at the endpoint, and check the proxy that connects to it')
    .option('--drive <url>', 'where that proxy takes HTTP requests, which the checks send')
    .option('--token-file <file>', 'file with the token that the agent asks for')
    .option('--wait-ms <ms>', 'how long a proxy is waited for', '30000')
    .option('--json', 'one JSON document')
    .showHelpAfterError(`for example: ${EXAMPLE}`)
    .action((endpoint: string, flags: ConformFlags) => run(endpoint, flags, context));
}
