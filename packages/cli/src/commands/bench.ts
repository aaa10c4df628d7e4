import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AgentwireError, FEATURES, parseEndpoint, systemClock, type Transport } from '@agentwire/core';
import { connectSession, type ProxySession } from '@agentwire/core/session';
import type { Command } from 'commander';
import { type AgentProcess, startAgentProcess } from '../bench/agent-process.ts';
import { type LoopResult, runClosedLoop } from '../bench/closed-loop.ts';
import { createWorkload } from '../bench/workload.ts';
import type { CommandContext } from '../command-context.ts';
import { noTransport } from '../connect-agent.ts';
import { createConsoleLogger } from '../output/log.ts';
import { jsonLine, line, tint } from '../output/terminal.ts';
import { addTransportFlag, loadTransports, type TransportFlags } from '../load-transports.ts';
import { stockTransports } from '../stock-transports.ts';
import { readToken } from '../named-files.ts';
import { addTlsFlags, checkTlsFlags, type TlsFlags, tlsOf } from '../tls-flags.ts';
import { UsageError } from '../usage-error.ts';
import { checkChoice, type Dialect, type Encoding, refuseDialectOverGrpc } from './wire-choices.ts';

interface BenchFlags extends TlsFlags, TransportFlags {
  readonly tokenFile?: string;
  readonly inFlight: string;
  readonly seconds: string;
  readonly connections: string;
  readonly encoding?: string;
  readonly dialect?: string;
  readonly json?: boolean;
}

const EXAMPLE = 'agentwire bench unix:/tmp/waf.sock --in-flight 64 --seconds 5';

function positive(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new UsageError(`${flag} takes a positive number, got ${JSON.stringify(text)}`, EXAMPLE);
}

/** Reads a whole number: a load without connections would never end. */
function whole(flag: string, text: string, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new UsageError(`${flag} takes an integer from 1 to ${max}, got ${JSON.stringify(text)}`, EXAMPLE);
}

/** Processor time of a process in seconds; `undefined` except on Linux. */
function cpuSeconds(pid: number | undefined): number | undefined {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return undefined;
  }
}

async function open(
  transport: Transport,
  address: string,
  count: number,
  inFlight: number,
  encoding: Encoding | undefined,
  token: string | undefined,
): Promise<ProxySession[]> {
  const encodings = encoding === undefined ? ['msgpack', 'json'] : [encoding];
  const self = { role: 'proxy' as const, name: 'agentwire-bench', version: '0', features: FEATURES, encodings, token };
  return Promise.all(
    Array.from({ length: count }, () =>
      connectSession(transport, address, { self, maxInFlight: Math.max(1024, inFlight) }),
    ),
  );
}

async function measure(
  sessions: readonly ProxySession[],
  inFlight: number,
  seconds: number,
  child: AgentProcess['child'] | undefined,
): Promise<LoopResult & { cpuMicroseconds: number }> {
  const workload = createWorkload();
  const [own, other] = [process.cpuUsage(), cpuSeconds(child?.pid)];
  let asked = 0;
  const ask = (n: number): Promise<unknown> => {
    asked += 1;
    const session = sessions[n % sessions.length];
    const event = workload[n % workload.length];
    if (session === undefined || event === undefined)
      throw new AgentwireError('ERR_INVALID_STATE', 'nothing to ask with');
    return session.request(event);
  };
  const result = await runClosedLoop(ask, {
    inFlight,
    seconds,
    warmupSeconds: Math.min(2, seconds),
    clock: systemClock,
  });
  const used = process.cpuUsage(own);
  const after = cpuSeconds(child?.pid);
  const others = other === undefined || after === undefined ? 0 : (after - other) * 1e6;
  return { ...result, cpuMicroseconds: (used.user + used.system + others) / Math.max(1, asked) };
}

async function run(endpoint: string | undefined, flags: BenchFlags, context: CommandContext): Promise<void> {
  const [inFlight, seconds, connections] = [
    whole('--in-flight', flags.inFlight, 65_536),
    positive('--seconds', flags.seconds),
    whole('--connections', flags.connections, 1_024),
  ];
  const encoding = checkChoice<Encoding>('--encoding', flags.encoding, ['json', 'msgpack'], EXAMPLE);
  const dialect = checkChoice<Dialect>('--dialect', flags.dialect, ['documented', 'zentinel'], EXAMPLE);
  if (endpoint === undefined && flags.tokenFile !== undefined)
    throw new UsageError('--token-file needs an endpoint: the agent that bench starts asks for none', EXAMPLE);
  checkTlsFlags(flags, { dials: endpoint === undefined ? [] : [endpoint] }, EXAMPLE);
  const token = flags.tokenFile === undefined ? undefined : readToken('--token-file', flags.tokenFile, EXAMPLE);
  const folder = mkdtempSync(join(tmpdir(), 'agentwire-'));
  let agent: AgentProcess | undefined;
  try {
    if (endpoint === undefined) {
      line(context.terminal.stderr, 'starting the reference agent in a process of its own');
      agent = await startAgentProcess('reference', [`unix:${join(folder, 'agent.sock')}`]);
    }
    const { scheme, address } = parseEndpoint(endpoint ?? agent?.endpoints[0] ?? '');
    refuseDialectOverGrpc(scheme, dialect, EXAMPLE);
    const logger = createConsoleLogger(context.terminal);
    const stock = stockTransports({ ...tlsOf(flags), logger, ...(dialect !== undefined && { dialect }) }, EXAMPLE);
    const transports = await loadTransports(flags.transport, stock, { logger, example: EXAMPLE });
    const transport = transports.find(({ schemes }) => schemes.includes(scheme));
    if (transport === undefined) throw noTransport(scheme, transports, EXAMPLE);
    const sessions = await open(transport, address, connections, inFlight, encoding, token);
    const peer = sessions[0]?.connection.peer;
    line(
      context.terminal.stderr,
      `asking ${peer?.name} on ${address} (${peer?.dialect} ${peer?.encoding}) for ${seconds} s, ${inFlight} in flight`,
    );
    const result = await measure(sessions, inFlight, seconds, agent?.child);
    await Promise.all(sessions.map((session) => session.close()));
    const { requestsPerSecond, latencyMs, errors } = result;
    const cpuMicrosecondsPerRequest = Number(result.cpuMicroseconds.toFixed(2));
    if (Object.keys(errors).length > 0) context.status = 1;
    const { stdout } = context.terminal;
    const report = {
      endpoint: address,
      transport: transport.name,
      dialect: peer?.dialect,
      encoding: peer?.encoding,
      inFlight,
      seconds,
    };
    if (flags.json) jsonLine(stdout, { ...report, requestsPerSecond, latencyMs, errors, cpuMicrosecondsPerRequest });
    else {
      line(
        stdout,
        `${tint('strong', requestsPerSecond.toLocaleString('en'), stdout)} requests/s, ${inFlight} in flight on ${connections} connection(s)`,
      );
      line(
        stdout,
        `p50 ${latencyMs.p50} ms  p90 ${latencyMs.p90}  p99 ${latencyMs.p99}  p99.9 ${latencyMs.p999}  max ${latencyMs.max}`,
      );
      line(
        stdout,
        `${cpuMicrosecondsPerRequest} µs of processor time a request${agent === undefined ? ' (this process)' : ' (both processes)'}`,
      );
      for (const [code, count] of Object.entries(errors)) line(stdout, tint('bad', `${count} × ${code}`, stdout));
    }
  } finally {
    await agent?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `agentwire bench`: closed-loop load on one agent. */
export function addBenchCommand(program: Command, context: CommandContext): void {
  addTransportFlag(addTlsFlags(program.command('bench'), false))
    .description('closed-loop load on one agent; without an endpoint on the reference agent, which it starts')
    .argument('[endpoint]', 'the agent')
    .option('--in-flight <n>', 'questions at a time', '64')
    .option('--seconds <s>', 'how long to measure', '5')
    .option('--connections <n>', 'connections to spread them over', '1')
    .option('--encoding <encoding>', 'json or msgpack')
    .option('--dialect <dialect>', 'documented or zentinel; not over gRPC')
    .option('--token-file <file>', 'file with the token that the agent asks for')
    .option('--json', 'one JSON document')
    .showHelpAfterError(`for example: ${EXAMPLE}`)
    .action((endpoint: string | undefined, flags: BenchFlags) => run(endpoint, flags, context));
}
