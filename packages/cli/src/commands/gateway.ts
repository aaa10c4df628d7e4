import { readFileSync } from 'node:fs';
import { createAdminServer, createGateway, type GatewayFile, parseGatewayFile } from '@agentwire/gateway';
import { AgentPool } from '@agentwire/pool';
import type { Command } from 'commander';
import type { CommandContext } from '../command-context.ts';
import { createConsoleLogger } from '../output/log.ts';
import { jsonLine, line, outliveReaders } from '../output/terminal.ts';
import { acceptReverseAgents } from '../reverse-agents.ts';
import { drainOnSignal } from '../signals.ts';
import { stockTransports } from '../stock-transports.ts';
import { readToken } from '../read-named-file.ts';
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

function hostPort(flag: string, text: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw new UsageError(`${flag} takes HOST:PORT, got ${JSON.stringify(text)}`, EXAMPLE);
  return { host: match[1] ?? match[2] ?? '', port };
}

/** The file with the flags over it. */
function settings(flags: GatewayFlags): GatewayFile & { readonly upstream: string } {
  const file = flags.config === undefined ? {} : parseGatewayFile(readFileSync(flags.config, 'utf8'), flags.config);
  const agents = flags.agent.map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1) throw new UsageError(`--agent takes NAME=ENDPOINT, got ${JSON.stringify(pair)}`, EXAMPLE);
    return { name: pair.slice(0, at), endpoint: pair.slice(at + 1) };
  });
  const upstream = flags.upstream ?? file.upstream;
  if (upstream === undefined) throw new UsageError('a gateway needs --upstream URL, or upstream: in its file', EXAMPLE);
  return {
    ...file,
    upstream,
    ...(flags.listen !== undefined && { listen: flags.listen }),
    ...(flags.admin !== undefined && { admin: flags.admin }),
    ...(flags.adminHost.length > 0 && { adminHosts: flags.adminHost }),
    ...(agents.length > 0 && { agents }),
    ...(flags.reverseListen !== undefined && { reverseListen: flags.reverseListen }),
    ...(flags.tokenFile !== undefined && { tokenFile: flags.tokenFile }),
  };
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
    throw new UsageError('--token-file is for agents that register, so it needs --reverse-listen', EXAMPLE);
  const needless = agents.find((one) => one.endpoint === 'reverse' && one.tokenFile !== undefined)?.name;
  if (needless !== undefined)
    throw new UsageError(`tokenFile of ${needless} does nothing: an agent that registers asks for no token`, EXAMPLE);
  const dials = agents.flatMap(({ endpoint }) => (endpoint === 'reverse' ? [] : [endpoint]));
  checkTlsFlags(tls, { dials, listens: reverseListen === undefined ? [] : [reverseListen] }, EXAMPLE);
}

async function run(flags: GatewayFlags, context: CommandContext): Promise<void> {
  outliveReaders(context.terminal);
  const { stdout } = context.terminal;
  const logger = createConsoleLogger(context.terminal, flags.verbose);
  const chosen = settings(flags);
  const listen = hostPort('--listen', chosen.listen ?? '127.0.0.1:8080');
  const tell = (event: 'listening' | 'admin', endpoint: string): void => {
    if (flags.json) jsonLine(stdout, { event, endpoint });
    else line(stdout, `${event} ${endpoint}`);
  };
  const tls = tlsSettings(flags, chosen);
  checkAgentEnds(chosen, tls);
  const transports = stockTransports({ ...tls, logger }, EXAMPLE);
  // no `await using`: Node 22 cannot read it in source that was not compiled
  const pool = new AgentPool({ transports, logger, ...chosen.pool });
  // whatever was opened is closed at the end, in whichever step the start failed
  const opened: { close(): Promise<unknown> }[] = [pool];
  try {
    const adding = (chosen.agents ?? []).map(({ name, endpoint, tokenFile, ...entry }) => {
      const rest = tokenFile === undefined ? entry : { ...entry, token: readToken(tokenFile, EXAMPLE) };
      if (endpoint !== 'reverse') return pool.addAgent(name, endpoint, rest);
      return Promise.resolve(pool.addReverseAgent(name, rest));
    });
    await Promise.all(adding);
    const reverseIds = new Set((chosen.agents ?? []).flatMap((one) => (one.endpoint === 'reverse' ? [one.name] : [])));
    const reverse =
      chosen.reverseListen === undefined
        ? undefined
        : await acceptReverseAgents(pool, transports, chosen.reverseListen, {
            ids: reverseIds,
            logger,
            tokenFile: chosen.tokenFile,
            clientCertificates: tls.tlsCa !== undefined,
          });
    if (reverse !== undefined) opened.push(reverse);
    const names = (chosen.agents ?? []).map(({ name }) => name);
    const gateway = createGateway({
      ...chosen.gateway,
      pool,
      upstream: chosen.upstream,
      agents: chosen.pipeline ?? names,
      logger,
    });
    opened.push(gateway);
    tell('listening', await gateway.listen(listen));
    if (reverse !== undefined) tell('listening', reverse.address);
    const admin =
      chosen.admin === undefined
        ? undefined
        : createAdminServer({ gateway, pool, logger, hosts: chosen.adminHosts ?? [] });
    if (admin !== undefined) opened.push(admin);
    if (admin !== undefined && chosen.admin !== undefined)
      tell('admin', await admin.listen(hostPort('--admin', chosen.admin)));
    await drainOnSignal(context.terminal, async () => {
      admin?.startDraining();
      await reverse?.close();
      await gateway.drain();
      await admin?.close();
      await pool.drain();
    });
  } finally {
    for (const end of opened.toReversed()) await end.close();
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
      'an agent to ask, in this order (NAME=reverse waits for it to register); may be given more than once',
      (value: string, before: string[]) => [...before, value],
      [],
    )
    .option('--reverse-listen <endpoint>', 'let agents register here (unix:PATH, tcp://HOST:PORT, tls://HOST:PORT)')
    .option('--token-file <file>', 'file with the token that agents must register with')
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
