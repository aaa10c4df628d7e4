import {
  AgentwireError,
  type Capabilities,
  type Decision,
  type Peer,
  type RequestMetadata,
  systemClock,
  toAgentwireError,
} from '@agentwire/core';
import { printableStart } from '@agentwire/core/internal';
import type { EventBody, Exchange } from '@agentwire/core/session';
import type { Command } from 'commander';
import { type CallDecision, callDecision, type Phase } from '../call/call-decision.ts';
import { showDecision } from '../call/show-decision.ts';
import type { CommandContext } from '../command-context.ts';
import { createConsoleLogger } from '../output/log.ts';
import { jsonLine, line, tint } from '../output/terminal.ts';
import { parseHeaders } from '../call/parse-headers.ts';
import { type AgentFlags, findAgent } from '../connect-agent.ts';
import { addTransportFlag } from '../load-transports.ts';
import { readNamedFile } from '../read-named-file.ts';
import { addTlsFlags } from '../tls-flags.ts';
import { UsageError } from '../usage-error.ts';

interface CallFlags extends AgentFlags {
  readonly method: string;
  readonly uri: string;
  readonly header: string[];
  readonly body?: string;
  readonly chunkBytes: string;
  readonly response?: string;
  readonly responseHeader: string[];
  readonly responseBody?: string;
  readonly timeoutMs: string;
  readonly json?: boolean;
}

/** Request described by the flags. */
interface Script {
  readonly method: string;
  readonly uri: string;
  readonly headers: readonly string[];
  readonly body: Uint8Array | undefined;
  readonly chunkBytes: number;
  readonly response:
    { readonly status: number; readonly headers: readonly string[]; readonly body: Uint8Array | undefined } | undefined;
  readonly timeoutMs: number;
}

const EXAMPLE = "agentwire call unix:/tmp/waf.sock --uri '/?q=1' -H 'user-agent: curl'";

/** Unique per call: in containers every process has the same pid. */
const CALL_ID = `call-${crypto.randomUUID()}`;

function parseBody(flag: string, given: string | undefined): Uint8Array | undefined {
  if (given === undefined) return undefined;
  return given.startsWith('@') ? readNamedFile(flag, given.slice(1), EXAMPLE) : Buffer.from(given);
}

function integer(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new UsageError(`${flag} takes a number from ${min} to ${max}, got ${JSON.stringify(text)}`, EXAMPLE);
}

function parseScript(flags: CallFlags): Script {
  const response =
    flags.response === undefined
      ? undefined
      : {
          status: integer('--response', flags.response, 100, 999),
          headers: parseHeaders('--response-header', flags.responseHeader, EXAMPLE),
          body: parseBody('--response-body', flags.responseBody),
        };
  if (response === undefined && (flags.responseBody !== undefined || flags.responseHeader.length > 0)) {
    throw new UsageError('--response-header and --response-body need --response STATUS', EXAMPLE);
  }
  return {
    method: flags.method,
    uri: flags.uri,
    headers: parseHeaders('-H', flags.header, EXAMPLE),
    body: parseBody('--body', flags.body),
    chunkBytes: integer('--chunk-bytes', flags.chunkBytes, 1, 16 * 1024 * 1024),
    response,
    timeoutMs: integer('--timeout-ms', flags.timeoutMs, 1, 86_400_000),
  };
}

const metadata = (): RequestMetadata => ({
  correlationId: CALL_ID,
  requestId: CALL_ID,
  clientIp: '127.0.0.1',
  clientPort: 0,
  protocol: 'HTTP/1.1',
  timestamp: new Date(systemClock.wallNow()).toISOString(),
});

/** Sends the events of a script through an exchange, one after the other, until the agent decides against the request. */
async function* play(
  exchange: Exchange,
  script: Script,
  capabilities: Capabilities,
): AsyncGenerator<[Phase, Decision, number]> {
  const ask = async (phase: Phase, event: EventBody): Promise<[Phase, Decision, number]> => {
    const since = systemClock.now();
    const decision = await exchange.ask(event, { timeoutMs: script.timeoutMs });
    return [phase, decision, systemClock.now() - since];
  };
  async function* body(
    phase: 'request_body' | 'response_body',
    bytes: Uint8Array = new Uint8Array(0),
  ): AsyncGenerator<[Phase, Decision, number]> {
    const type = phase === 'request_body' ? 'requestBodyChunk' : 'responseBodyChunk';
    // a missing body is one empty last chunk: an agent that requested the body waits for its end
    const count = Math.max(1, Math.ceil(bytes.byteLength / script.chunkBytes));
    for (let index = 0; index < count; index++) {
      const data = bytes.subarray(index * script.chunkBytes, (index + 1) * script.chunkBytes);
      const outcome = await ask(phase, { type, index, data, last: index === count - 1, totalSize: bytes.byteLength });
      yield outcome;
      if (outcome[1].needsMore !== true || outcome[1].verdict.type !== 'allow') return;
    }
  }
  const { method, uri, headers } = script;
  const head = await ask('request_headers', {
    type: 'requestHeaders',
    metadata: metadata(),
    method,
    uri,
    headers,
    hasBody: script.body !== undefined,
  });
  yield head;
  let stopped = head[1].verdict.type !== 'allow';
  if (!stopped && head[1].needsMore === true) {
    for await (const outcome of body('request_body', script.body)) {
      yield outcome;
      stopped = outcome[1].verdict.type !== 'allow';
    }
  }
  if (stopped || script.response === undefined || !capabilities.events.includes('responseHeaders')) return;
  const { status, headers: responseHeaders, body: responseBody } = script.response;
  const answer = await ask('response_headers', {
    type: 'responseHeaders',
    status,
    headers: responseHeaders,
    hasBody: responseBody !== undefined,
  });
  yield answer;
  if (answer[1].verdict.type !== 'allow' || answer[1].needsMore !== true) return;
  yield* body('response_body', responseBody);
}

interface Report {
  agent?: {
    name: string;
    transport: string;
    dialect: string;
    encoding: string;
    capabilities: Capabilities | undefined;
  };
  decisions: CallDecision[];
  error?: { code: string; message: string };
}

async function run(endpoint: string, flags: CallFlags, context: CommandContext): Promise<void> {
  const script = parseScript(flags);
  const agent = await findAgent(endpoint, flags, {
    name: 'agentwire-call',
    timeoutMs: script.timeoutMs,
    logger: createConsoleLogger(context.terminal),
    example: EXAMPLE,
  });
  const { stdout } = context.terminal;
  const report: Report = { decisions: [] };
  try {
    // no `await using`: Node 22 cannot read it in source that was not compiled
    const session = await agent.connect();
    try {
      const { peer } = session.connection;
      report.agent = agentOf(peer, agent.transport);
      if (!flags.json)
        line(
          stdout,
          `${tint('name', printableStart(peer.name, 64), stdout)} on ${agent.address} (${agent.transport}, ${peer.dialect}, ${peer.encoding})`,
        );
      const exchange = session.open();
      const events = peer.capabilities?.events ?? [];
      for await (const [phase, decision, latencyMs] of play(exchange, script, {
        ...peer.capabilities,
        events,
      } as Capabilities)) {
        const wire = callDecision(phase, decision, latencyMs);
        report.decisions.push(wire);
        if (!flags.json) line(stdout, showDecision(wire, stdout));
      }
      exchange.end();
    } finally {
      await session.close();
    }
  } catch (error) {
    const { code, message } = toAgentwireError(error, 'ERR_CONNECT');
    report.error = { code, message };
    context.status = 1;
    if (!flags.json) throw new AgentwireError(code, message, { cause: error });
  }
  if (flags.json) jsonLine(stdout, { agent: report.agent, decisions: report.decisions, error: report.error });
}

function agentOf(peer: Peer, transport: string): NonNullable<Report['agent']> {
  const { name, dialect, encoding, capabilities } = peer;
  return { name, transport, dialect, encoding, capabilities };
}

const collect = (value: string, before: string[]): string[] => [...before, value];

/** `agentwire call`: one request through one agent. */
export function addCallCommand(program: Command, context: CommandContext): void {
  addTransportFlag(addTlsFlags(program.command('call'), false))
    .description('play one request through an agent and print each decision; a block is a result too')
    .argument('<endpoint>', 'the agent')
    .option('--method <method>', 'method of the request', 'GET')
    .option('--uri <uri>', 'path and query of the request', '/')
    .option('-H, --header <header>', "a header of the request, 'name: value'; may be given more than once", collect, [])
    .option('--body <text>', 'body of the request, or @FILE')
    .option('--chunk-bytes <n>', 'length of a body chunk', '65536')
    .option('--response <status>', 'go on with a response of this status')
    .option('--response-header <header>', 'a header of the response; may be given more than once', collect, [])
    .option('--response-body <text>', 'body of the response, or @FILE')
    .option('--dialect <dialect>', 'documented or zentinel; not over gRPC')
    .option('--encoding <encoding>', 'json or msgpack')
    .option('--timeout-ms <ms>', 'how long a decision may take', '30000')
    .option('--token-file <file>', 'file with the token that the agent asks for')
    .option('--json', 'one JSON document')
    .showHelpAfterError(`for example: ${EXAMPLE}`)
    .action((endpoint: string, flags: CallFlags) => run(endpoint, flags, context));
}
