import { type Logger, parseEndpoint } from '@agentwire/core';
import { createAdminServer, createGateway } from '@agentwire/gateway';
import { type AgentEntry, type GatewayFile, parseGatewayFile } from '@agentwire/gateway/config-file';
import { parseHostPort } from '@agentwire/gateway/internal';
import { AgentPool } from '@agentwire/pool';
import type { Command } from 'commander';
import { Cleanup } from '../cleanup.ts';
import type { CommandContext } from '../command-context.ts';
import { createConsoleLogger } from '../output/log.ts';
import { jsonLine, line, outliveReaders } from '../output/terminal.ts';
import { readNamedFile, readSecret } from '../read-named-file.ts';
import { acceptReverseAgents } from '../reverse-agents.ts';
import { drainOnSignal } from '../signals.ts';
import { stockTransports } from '../stock-transports.ts';
import { addTlsFlags, checkTlsFlags, type TlsFlags, tlsOf } from '../tls-flags.ts';
import { UsageError } from '../usage-error.ts';

interface GatewayFlags extends TlsFlags {
  readonly config?: string;
  readonly listen?: string;
  readonly upstream?: string;
  readonly agent: string[];
  readonly reverseListen?: string;
  readonly tokenFile?: string;
  readonly admin?: string;
  readonly adminHost: string[];
  readonly json?: boolean;
  readonly verbose?: boolean;
}

const EXAMPLE =
  'agentwire gateway --listen 127.0.0.1:8080 --upstream http://127.0.0.1:3000 --agent waf=unix:/tmp/waf.sock';

/** Schemes of the stock transports. */
const AGENT_SCHEMES: readonly string[] = ['unix', 'grpc', 'grpcs', 'tcp', 'tls'];

interface Settings extends GatewayFile {
  readonly upstream: string;
  readonly agents: readonly AgentEntry[];
}

function hostPort(flag: string, text: string): { readonly host: string; readonly port: number } {
  const address = parseHostPort(text);
  if (address !== undefined) return address;
  const port = /:(\d+)$/.exec(text)?.[1];
  const why = port !== undefined && Number(port) > 65_535 ? `the port ${port} is too large, the largest is 65535` : '';
  throw new UsageError(
    why === '' ? `${flag} takes HOST:PORT, got ${JSON.stringify(text)}` : `${flag}: ${why}`,
    EXAMPLE,
  );
}

function agentsOf(flags: GatewayFlags): AgentEntry[] {
  const agents = flags.agent.map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageError(`--agent takes NAME=ENDPOINT, got ${JSON.stringify(pair)}`, EXAMPLE);
    const endpoint = pair.slice(at + 1);
    if (endpoint !== 'reverse' && !AGENT_SCHEMES.includes(parseEndpoint(endpoint).scheme))
      throw new UsageError(
        `--agent ${pair}: no transport serves that scheme; there are transports for ${AGENT_SCHEMES.join(', ')}`,
        EXAMPLE,
      );
    return { name: pair.slice(0, at), endpoint };
  });
  const twice = agents.find(({ name }, at) => agents.findIndex((other) => other.name === name) !== at);
  if (twice !== undefined) throw new UsageError(`--agent names ${JSON.stringify(twice.name)} twice`, EXAMPLE);
  return agents;
}

/** Refuses what would do nothing: whoever gave it counts on it. @throws UsageError */
function checkEffect({ admin, adminHosts }: Settings): void {
  if (admin === undefined && adminHosts !== undefined)
    throw new UsageError(
      '--admin-host (adminHosts in a file) is for --admin (admin), which is not given',
      `${EXAMPLE} --admin 127.0.0.1:9090`,
    );
}

/** The file with the flags over it. */
function settings(flags: GatewayFlags, logger: Logger): Settings {
  const { config } = flags;
  const file =
    config === undefined
      ? {}
      : parseGatewayFile(
          readNamedFile('--config', config, `${EXAMPLE} --config gateway.yaml`).toString('utf8'),
          config,
          AGENT_SCHEMES,
        );
  const upstream = flags.upstream ?? file.upstream;
  if (upstream === undefined) throw new UsageError('a gateway needs --upstream URL, or upstream: in its file', EXAMPLE);
  const given = agentsOf(flags);
  const replaces = given.length > 0 && (file.agents !== undefined || file.pipeline !== undefined);
  if (replaces) logger.info({ file: config }, '--agent replaces the agents and the pipeline of the file');
  const agents = given.length > 0 ? given : (file.agents ?? []);
  if (agents.length === 0) logger.warn({}, 'there are no agents: every request passes unasked');
  const chosen = {
    ...file,
    upstream,
    agents,
    pipeline: (given.length > 0 ? undefined : file.pipeline) ?? agents.map(({ name }) => name),
    ...(flags.listen !== undefined && { listen: flags.listen }),
    ...(flags.admin !== undefined && { admin: flags.admin }),
    ...(flags.adminHost.length > 0 && { adminHosts: flags.adminHost }),
    ...(flags.reverseListen !== undefined && { reverseListen: flags.reverseListen }),
    ...(flags.tokenFile !== undefined && { tokenFile: flags.tokenFile }),
  };
  checkEffect(chosen);
  return chosen;
}

/** The TLS flags over what the file says. */
function tlsSettings(flags: TlsFlags, { tls = {} }: GatewayFile): TlsFlags {
  const { cert, key, ca, serverName } = tls;
  const given = Object.entries(tlsOf(flags)).filter(([, value]) => value !== undefined);
  return { tlsCert: cert, tlsKey: key, tlsCa: ca, tlsServerName: serverName, ...Object.fromEntries(given) };
}

/** What is given and would do nothing is wrong use. @throws UsageError */
function checkAgentEnds({ agents = [], reverseListen, tokenFile }: GatewayFile, tls: TlsFlags): void {
  const waiting = agents.find(({ endpoint }) => endpoint === 'reverse')?.name;
  if (reverseListen === undefined && waiting !== undefined)
    throw new UsageError(`--agent ${waiting}=reverse needs --reverse-listen, or nobody can register`, EXAMPLE);
  if (reverseListen === undefined && tokenFile !== undefined)
    throw new UsageError(
      '--token-file (tokenFile in a file) is for agents that register, so it needs --reverse-listen (reverseListen)',
      EXAMPLE,
    );
  const needless = agents.find((one) => one.endpoint === 'reverse' && one.tokenFile !== undefined)?.name;
  if (needless !== undefined)
    throw new UsageError(`tokenFile of ${needless} does nothing: an agent that registers asks for no token`, EXAMPLE);
  const dials = agents.flatMap(({ endpoint }) => (endpoint === 'reverse' ? [] : [endpoint]));
  checkTlsFlags(tls, { dials, listens: reverseListen === undefined ? [] : [reverseListen] }, EXAMPLE);
}

async function serve(flags: GatewayFlags, context: CommandContext, cleanup: Cleanup): Promise<void> {
  const { stdout } = context.terminal;
  const logger = createConsoleLogger(context.terminal, flags.verbose);
  const chosen = settings(flags, logger);
  const { agents, upstream, pipeline = [], adminHosts: hosts = [] } = chosen;
  const listen = hostPort('--listen', chosen.listen ?? '127.0.0.1:8080');
  const adminAt = chosen.admin === undefined ? undefined : hostPort('--admin', chosen.admin);
  const tell = (event: 'listening' | 'admin', endpoint: string): void => {
    if (flags.json) jsonLine(stdout, { event, endpoint });
    else line(stdout, `${event} ${endpoint}`);
  };
  const tls = tlsSettings(flags, chosen);
  checkAgentEnds(chosen, tls);
  const transports = stockTransports({ ...tls, logger }, EXAMPLE);
  const pool = new AgentPool({ transports, logger, ...chosen.pool });
  cleanup.defer(() => pool.close());
  const adding = agents.map(({ name, endpoint, tokenFile: secret, ...entry }) => {
    const rest =
      secret === undefined ? entry : { ...entry, token: readSecret(`tokenFile of ${name}`, secret, EXAMPLE) };
    if (endpoint !== 'reverse') return pool.addAgent(name, endpoint, rest);
    return Promise.resolve(pool.addReverseAgent(name, rest));
  });
  await Promise.all(adding);
  const ids = new Set(agents.flatMap(({ name, endpoint }) => (endpoint === 'reverse' ? [name] : [])));
  const { reverseListen, tokenFile } = chosen;
  const reverse =
    reverseListen === undefined
      ? undefined
      : await acceptReverseAgents(pool, transports, reverseListen, {
          ids,
          logger,
          tokenFile,
          tokenFileFrom: flags.tokenFile === undefined ? 'tokenFile' : '--token-file',
          clientCertificates: tls.tlsCa !== undefined,
        });
  cleanup.defer(() => reverse?.close());
  const gateway = createGateway({ ...chosen.gateway, pool, upstream, agents: pipeline, logger });
  cleanup.defer(() => gateway.close());
  const url = await gateway.listen(listen);
  const admin = createAdminServer({ gateway, pool, logger, hosts });
  cleanup.defer(() => admin.close());
  const adminUrl = adminAt === undefined ? undefined : await admin.listen(adminAt);
  // listens for signals before it says that it is up: whoever reads that may send one at once
  const drained = drainOnSignal(context.terminal, async () => {
    admin.startDraining();
    await reverse?.close();
    await gateway.drain();
    await admin.close();
    await pool.drain();
  });
  tell('listening', url);
  if (reverse !== undefined) tell('listening', reverse.address);
  if (adminUrl !== undefined) tell('admin', adminUrl);
  await drained;
}

async function run(flags: GatewayFlags, context: CommandContext): Promise<void> {
  outliveReaders(context.terminal);
  // no `await using`: Node 22 cannot read it in source that was not compiled
  const cleanup = new Cleanup();
  try {
    await serve(flags, context, cleanup);
  } finally {
    await cleanup.run();
  }
}

/** `agentwire gateway`: the reverse proxy. */
export function addGatewayCommand(program: Command, context: CommandContext): void {
  addTlsFlags(program.command('gateway'), true)
    .description('an HTTP reverse proxy that asks agents about every request')
    .option('--config <file>', 'YAML file; flags override it')
    .option('--listen <host:port>', 'where to serve HTTP; default 127.0.0.1:8080')
    .option('--upstream <url>', 'where allowed requests go')
    .option(
      '--agent <name=endpoint>',
      'an agent to ask, in this order (NAME=reverse waits for it to register); may be given more than once; replaces agents and pipeline of the file',
      (value: string, before: string[]) => [...before, value],
      [],
    )
    .option('--reverse-listen <endpoint>', 'let agents register here (unix:PATH, tcp://HOST:PORT, tls://HOST:PORT)')
    .option(
      '--token-file <file>',
      'file with the token that agents must register with; for agents that ask for one themselves see tokenFile in --config',
    )
    .option('--admin <host:port>', 'serve /livez, /readyz and /debug/state here')
    .option(
      '--admin-host <name>',
      'a name that the Host of the admin server may have, besides localhost and IP addresses; may be given more than once',
      (value: string, before: string[]) => [...before, value],
      [],
    )
    .option('--json', 'one JSON document per line')
    .option('-v, --verbose', 'log more')
    .showHelpAfterError(`for example: ${EXAMPLE}`)
    .action((flags: GatewayFlags) => run(flags, context));
}
