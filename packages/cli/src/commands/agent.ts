import { AgentwireError } from '@agentwire/core';
import { type ChallengeFallback, serveAgent } from '@agentwire/agent';
import { KnownTokens } from '@agentwire/reverse-listener/internal';
import type { Command } from 'commander';
import { Cleanup } from '../cleanup.ts';
import type { CommandContext } from '../command-context.ts';
import { loadAgent } from '../load-agent.ts';
import { createConsoleLogger } from '../output/log.ts';
import { jsonLine, line } from '../output/terminal.ts';
import { drainOnSignal, outliveHangup } from '../signals.ts';
import { addTransportFlag, loadTransports, type TransportFlags } from '../load-transports.ts';
import { stockTransports } from '../stock-transports.ts';
import { OTLP_FLAG, traceToOtlp } from '../otlp.ts';
import { listenPlace, notifyServiceManager, usePassedSockets } from '../service-manager.ts';
import { readToken } from '../named-files.ts';
import { addSocketFlags, type SocketFlags, socketAccess } from '../socket-flags.ts';
import { addTlsFlags, checkTlsFlags, type TlsFlags, tlsOf } from '../tls-flags.ts';
import { UsageError } from '../usage-error.ts';
import { watchCommand } from '../watch/watch-command.ts';
import { isWatched, reportLoadedFiles, waitToServe } from '../watch/watched-process.ts';
import { serveAgentPrimary } from '../workers/agent-primary.ts';
import { openWorkerLink } from '../workers/worker-link.ts';
import { hangTimeoutMs, WORKER_TIMEOUT, workerCount } from '../workers/worker-flags.ts';

interface AgentOptions extends TlsFlags, TransportFlags, SocketFlags {
  readonly listen: string[];
  readonly reverse: string[];
  readonly id?: string;
  readonly tokenFile?: string;
  readonly connections?: string;
  readonly challengeFallback: string;
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly watch?: boolean;
  readonly otlp?: string;
  readonly workers?: string;
  readonly workerTimeoutMs?: string;
}

const EXAMPLE = 'agentwire agent waf --listen unix:/tmp/waf.sock';
const RELOAD_ADVICE = 'an agent with --workers N or --watch loads its file again on SIGHUP, this one must be restarted';
const FALLBACKS: readonly string[] = ['block', 'always', 'none'] satisfies ChallengeFallback[];

function fallbackOf(word: string): ChallengeFallback {
  if (!FALLBACKS.includes(word)) throw new UsageError(`--challenge-fallback takes ${FALLBACKS.join(', ')}`, EXAMPLE);
  return word as ChallengeFallback;
}

const collect = (value: string, before: string[]): string[] => [...before, value];

async function run(module: string, options: AgentOptions, context: CommandContext): Promise<void> {
  if (options.listen.length === 0 && options.reverse.length === 0)
    throw new UsageError('an agent needs --listen or --reverse', EXAMPLE);
  for (const [flag, value] of [['--id', options.id] as const, ['--connections', options.connections] as const]) {
    if (value !== undefined && options.reverse.length === 0)
      throw new UsageError(`${flag} is about registering, so it needs --reverse`, EXAMPLE);
  }
  const sockets = socketAccess(options, options.listen, EXAMPLE);
  checkTlsFlags(options, { listens: options.listen, dials: options.reverse }, EXAMPLE);
  const connections = Number(options.connections ?? 4);
  if (!Number.isInteger(connections) || connections < 1)
    throw new UsageError('--connections takes a positive number', EXAMPLE);
  const challengeFallback = fallbackOf(options.challengeFallback);
  const { stdout } = context.terminal;
  const link = openWorkerLink();
  const logger = createConsoleLogger(context.terminal, options.verbose, options.json, false, link?.logFields);
  const token = options.tokenFile === undefined ? undefined : readToken('--token-file', options.tokenFile, EXAMPLE);
  const tell = (event: 'listening' | 'registered', endpoint: string): void => {
    if (options.json) jsonLine(stdout, { event, endpoint });
    else line(stdout, `${event} ${endpoint}`);
  };
  const passed = link === undefined ? usePassedSockets(options.listen.map(listenPlace), EXAMPLE) : [];
  if (options.workers !== undefined && link === undefined) {
    const { listen, workers, workerTimeoutMs, json: quiet = false } = options;
    const [count, timeoutMs] = [workerCount(workers, EXAMPLE), hangTimeoutMs(workerTimeoutMs, EXAMPLE)];
    const settings = { count, listen, hangTimeoutMs: timeoutMs, logger, access: sockets, passed, tell, quiet };
    const cleanup = new Cleanup();
    try {
      return await serveAgentPrimary(settings, context, cleanup);
    } finally {
      await cleanup.run();
    }
  }
  const watched = isWatched();
  if (watched) reportLoadedFiles();
  const agent = await loadAgent(module, EXAMPLE);
  const stock = stockTransports({ ...tlsOf(options), sockets, logger }, EXAMPLE);
  const transports = await loadTransports(options.transport, stock, { logger, example: EXAMPLE });
  const callers = new KnownTokens(token === undefined ? {} : { '*': token });
  const watch = watched ? await waitToServe(agent) : undefined;
  const traces = await traceToOtlp(options.otlp, agent.name, { logger, example: EXAMPLE });
  const server = await serveAgent(agent, {
    transports,
    tracer: traces?.tracer,
    ...(token !== undefined && {
      authorize: (_peer, credential) => {
        if (callers.prove('', credential.token)) return;
        throw new AgentwireError(
          'ERR_UNAUTHORIZED',
          'this agent asks for a token: give it with --token-file, tokenFile in a gateway file, or the option token in code',
        );
      },
    }),
    logger,
    challengeFallback,
    listen: link?.start.listen ?? options.listen,
    reverse: options.reverse.map((address) => ({
      address,
      connections,
      ...(options.id !== undefined && { agentId: options.id }),
      ...(token !== undefined && { token }),
    })),
    onRegistered: (address) => tell('registered', address),
  });
  // installs signal handlers before it prints the line: its reader may send a signal at once
  // a promise without an await is a mistake of one handler, not a reason to end the agent for all requests
  const onFloating = (reason: unknown): void =>
    logger.error(
      { err: reason instanceof Error ? reason : new Error(`a rejection with a ${typeof reason}`) },
      'a promise of the agent was rejected, and nothing awaited it',
    );
  process.on('unhandledRejection', onFloating);
  const isQuiet = options.json === true || link !== undefined;
  const drain = (): Promise<void> => {
    if (link === undefined) notifyServiceManager('stopping', logger);
    return server.drain();
  };
  const drained = drainOnSignal(context.terminal, drain, isQuiet, link?.asked ?? watch?.asked);
  // that of a worker is its primary process's
  const endHangup = link === undefined ? outliveHangup(logger, RELOAD_ADVICE) : undefined;
  if (link === undefined) for (const endpoint of server.endpoints) tell('listening', endpoint);
  if (link === undefined) notifyServiceManager('ready', logger);
  link?.ready({ report: () => ({ state: JSON.stringify(server.stats), unready: [] }), metrics: () => [] });
  await drained;
  await traces?.end();
  process.off('unhandledRejection', onFloating);
  endHangup?.();
  link?.end();
  watch?.end();
}

/** `agentwire agent`: serves an agent. */
export function addAgentCommand(program: Command, context: CommandContext): void {
  addSocketFlags(addTransportFlag(addTlsFlags(program.command('agent'), true)))
    .description('serve an agent: reference, waf, api-key, or the default export of a .ts or .js file')
    .argument('<module>', 'reference, waf, api-key, or a file')
    .option(
      '--listen <endpoint>',
      'where to listen (unix:PATH, grpc://HOST:PORT, grpc+unix:PATH, …); may be given more than once',
      collect,
      [],
    )
    .option('--reverse <endpoint>', 'a proxy to register with; may be given more than once', collect, [])
    .option('--id <id>', 'name to register under')
    .option(
      '--token-file <file>',
      'file with the token that callers must show (--listen) and that is shown to proxies (--reverse)',
    )
    .option('--connections <n>', 'connections to keep open to each proxy; default 4')
    .option(
      '--challenge-fallback <to>',
      'a challenge is a block towards the released Zentinel proxy (block), every proxy (always), or never (none)',
      'block',
    )
    .option('--workers <n>', 'processes that serve, or auto: one per core; SIGHUP replaces them one by one')
    .option(...WORKER_TIMEOUT)
    .option(
      '--watch',
      'serve anew on SIGHUP, and when a file that was loaded changes and can be loaded, for development',
    )
    .option(...OTLP_FLAG)
    .option('--json', 'one JSON document per line')
    .option('-v, --verbose', 'log more')
    .showHelpAfterError(`for example: ${EXAMPLE}`)
    .action(async (module: string, options: AgentOptions) => {
      if (options.watch === true && options.workers !== undefined)
        throw new UsageError('--watch does not go with --workers: SIGHUP loads the file again', EXAMPLE);
      if (options.watch === true) context.status = await watchCommand(context.terminal);
      else await run(module, options, context);
    });
}
