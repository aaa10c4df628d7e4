import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { silentLogger } from '@agentwire/core/internal';
import type { Command } from 'commander';
import { checkGatewayFiles } from '../check-gateway-files.ts';
import { Cleanup } from '../cleanup.ts';
import type { CommandContext } from '../command-context.ts';
import { jsonLine, line, outliveReaders } from '../output/terminal.ts';
import { addTransportFlag } from '../load-transports.ts';
import { OTLP_FLAG } from '../otlp.ts';
import { serveGateway } from '../serve-gateway.ts';
import { addTlsFlags } from '../tls-flags.ts';
import { UsageError } from '../usage-error.ts';
import { WORKER_TIMEOUT } from '../workers/worker-flags.ts';
import { GATEWAY_EXAMPLE as EXAMPLE, type GatewayFlags } from './gateway-flags.ts';
import { gatewaySettings } from './read-gateway-settings.ts';

/** Returns what is wrong with a file, and with the files that it names. */
function problemsOf(file: string, flags: GatewayFlags): readonly string[] {
  try {
    return checkGatewayFiles(gatewaySettings({ ...flags, config: file }, silentLogger), EXAMPLE);
  } catch (error) {
    if (error instanceof UsageError) return error.problems;
    throw error;
  }
}

/** Checks a file as starting with it would, and starts nothing. */
function check(file: string, flags: GatewayFlags, context: CommandContext): void {
  const { stdout, stderr } = context.terminal;
  const problems = problemsOf(file, flags);
  for (const message of problems) {
    context.status = 1;
    if (flags.json) jsonLine(stdout, { event: 'invalid', file, message });
    else line(stderr, message);
  }
  if (problems.length > 0) return;
  if (flags.json) jsonLine(stdout, { event: 'valid', file });
  else line(stdout, `${file} is valid`);
}

async function run(flags: GatewayFlags, context: CommandContext): Promise<void> {
  if (flags.schema === true) {
    const file = fileURLToPath(import.meta.resolve('@agentwire/gateway/gateway.schema.json'));
    context.terminal.stdout.write(readFileSync(file, 'utf8'));
    return;
  }
  if (flags.check !== undefined) {
    const file = flags.check === true ? flags.config : flags.check;
    if (file === undefined) throw new UsageError('--check needs a file', 'agentwire gateway --check gateway.yaml');
    return check(file, flags, context);
  }
  outliveReaders(context.terminal);
  // no `await using`: Node 22 cannot read it in source that was not compiled
  const cleanup = new Cleanup();
  try {
    await serveGateway(flags, context, cleanup);
  } finally {
    await cleanup.run();
  }
}

/** `agentwire gateway`: the reverse proxy. */
export function addGatewayCommand(program: Command, context: CommandContext): void {
  addTransportFlag(addTlsFlags(program.command('gateway'), true))
    .description('an HTTP reverse proxy that asks agents about every request')
    .option('--config <file>', 'YAML file; flags override it')
    .option('--watch', 'reload the file when it changes, as SIGHUP does')
    .option('--check [file]', 'check such a file, or that of --config, and start nothing')
    .option('--schema', 'print the JSON Schema of such a file, for completion in an editor')
    .option('--listen <host:port>', 'where to serve HTTP; default 127.0.0.1:8080')
    .option(
      '--https-cert <file>',
      'serve HTTPS with HTTP/2: certificate chain, PEM; more than one name in a file: https',
    )
    .option('--https-key <file>', 'private key of --https-cert, PEM')
    .option('--h2c', 'serve HTTP/2 without TLS too')
    .option(
      '--proxy-protocol <from>',
      'take the client from the PROXY protocol, version 1 or 2, of the load balancers with these IP addresses or ranges, separated by commas, or any; other connections are cut',
    )
    .option('--workers <n>', 'processes that serve, or auto: one per core; SIGHUP replaces them one by one')
    .option(...WORKER_TIMEOUT)
    .option('--upstream <url>', 'where allowed requests go')
    .option(
      '--agent <name=endpoint>',
      'an agent to ask, in this order (NAME=reverse waits for it to register); may be given more than once; replaces agents and pipeline of the file',
      (value: string, before: string[]) => [...before, value],
      [],
    )
    .option(
      '--reverse-listen <endpoint>',
      'let agents register here (unix:PATH, tcp://, tls://, ws:// or wss://HOST:PORT)',
    )
    .option(
      '--token-file <file>',
      'file with the token that agents must register with; for agents that ask for one themselves see tokenFile in --config',
    )
    .option('--admin <host:port>', 'serve /livez, /readyz, /metrics and /debug/state here, or on unix:PATH')
    .option(
      '--admin-host <name>',
      'a name that the Host of the admin server may have, besides localhost and IP addresses; may be given more than once',
      (value: string, before: string[]) => [...before, value],
      [],
    )
    .option(
      '--access-log <file>',
      'a line for every request, - for stdout; SIGUSR1 opens it again; default stderr, and only blocked requests where that is no terminal',
    )
    .option('--access-log-format <format>', 'json or combined; default json, on stderr combined')
    .option(
      '--record <file>',
      'record what agents are asked and decide, without bodies, to ask them again later with agentwire replay; SIGUSR1 opens it again',
    )
    .option(...OTLP_FLAG)
    .option('--json', 'one JSON document per line')
    .option('-v, --verbose', 'log more')
    .showHelpAfterError(`for example: ${EXAMPLE}`)
    .action((flags: GatewayFlags) => run(flags, context));
}
