import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGateway, type RequestSummary } from '@agentwire/gateway';
import { AgentPool } from '@agentwire/pool';
import type { Command } from 'commander';
import { type AgentProcess, startAgentProcess } from '../bench/agent-process.ts';
import { type DemoResult, runLoad, Summaries } from '../demo/load.ts';
import { createProgress } from '../demo/progress.ts';
import { drawReport, reportByKind } from '../demo/report.ts';
import { startUpstream } from '../demo/upstream-server.ts';
import { Cleanup } from '../cleanup.ts';
import type { CommandContext } from '../command-context.ts';
import { createConsoleLogger } from '../output/log.ts';
import { jsonLine, line, tint } from '../output/terminal.ts';
import { drainOnSignal } from '../signals.ts';
import { stockTransports } from '../stock-transports.ts';
import { UsageError } from '../usage-error.ts';

interface DemoFlags {
  readonly once?: boolean;
  readonly requests: string;
  readonly json?: boolean;
}

const EXAMPLE = 'agentwire demo --once --requests 400';

async function run(flags: DemoFlags, context: CommandContext): Promise<void> {
  const count = Number(flags.requests);
  if (!Number.isInteger(count) || count < 1 || count > 100_000)
    throw new UsageError('--requests takes a number from 1 to 100000', EXAMPLE);
  // no `await using`: Node 22 cannot read it in source that was not compiled
  const cleanup = new Cleanup();
  try {
    await demonstrate(count, flags, context, cleanup);
  } finally {
    await cleanup.run();
  }
}

async function demonstrate(count: number, flags: DemoFlags, context: CommandContext, cleanup: Cleanup): Promise<void> {
  const { stdout, stderr } = context.terminal;
  const logger = createConsoleLogger(context.terminal);
  const folder = mkdtempSync(join(tmpdir(), 'agentwire-demo-'));
  cleanup.defer(() => rmSync(folder, { recursive: true, force: true }));
  const say = (text: string): void => line(stderr, text);

  const upstream = await startUpstream();
  cleanup.defer(() => upstream.close());
  say(`upstream  ${upstream.url}`);
  const start = async (module: string, endpoint: string): Promise<AgentProcess> => {
    const agent = await startAgentProcess(module, [endpoint]);
    cleanup.defer(() => agent.stop());
    return agent;
  };
  const [waf, apiKey] = await Promise.all([
    start('waf', `unix:${join(folder, 'waf.sock')}`),
    start('api-key', 'grpc://127.0.0.1:0'),
  ]);
  const endpoints = { waf: waf.endpoints[0] ?? '', 'api-key': apiKey.endpoints[0] ?? '' };
  say(`agent     waf      ${endpoints.waf}  (process ${waf.child.pid})`);
  say(`agent     api-key  ${endpoints['api-key']}  (process ${apiKey.child.pid})`);

  const pool = new AgentPool({ transports: stockTransports({ logger }), logger });
  cleanup.defer(() => pool.close());
  await Promise.all(Object.entries(endpoints).map(([name, endpoint]) => pool.addAgent(name, endpoint)));
  const summaries = new Summaries();
  const onRequestEnd = (summary: RequestSummary): void => summaries.note(summary);
  const gateway = createGateway({
    pool,
    upstream: upstream.url,
    agents: ['waf', 'api-key'],
    requestBody: 'hold',
    logger,
    onRequestEnd,
  });
  cleanup.defer(() => gateway.close());
  const url = await gateway.listen();
  say(`gateway   ${url}\n`);

  const results: DemoResult[] = [];
  const progress = createProgress(count, stderr);
  await runLoad(url, count, upstream, summaries, (result) => {
    results.push(result);
    progress.step(result.expected);
  });
  progress.end();

  const reports = reportByKind(results);
  const good = results.every(({ expected }) => expected) && results.length === count;
  if (flags.json) jsonLine(stdout, { gateway: url, requests: count, asExpected: good, kinds: reports });
  else {
    line(stdout, `\n${drawReport(reports, stdout)}\n`);
    line(
      stdout,
      good
        ? tint('good', `All ${count} requests ended as they should.`, stdout)
        : tint('bad', 'Some requests did not end as they should.', stdout),
    );
  }
  if (!good) context.status = 1;
  if (flags.once) return;
  // installs signal handlers before it prints the line: its reader may send a signal at once
  const drained = drainOnSignal(context.terminal, () => gateway.drain());
  if (!flags.json) {
    line(stdout, `\nThe gateway is at ${tint('strong', url, stdout)} until Ctrl-C. Try:\n`);
    line(stdout, `  curl -i -H 'x-api-key: demo-key' ${url}/hello`);
    line(stdout, `  curl -i -H 'x-api-key: demo-key' '${url}/?file=../../etc/passwd'\n`);
  }
  await drained;
}

/** `agentwire demo`: what `npm start` runs. */
export function addDemoCommand(program: Command, context: CommandContext): void {
  program
    .command('demo')
    .description(
      'start an upstream, two agents in their own processes and a gateway, and send real HTTP requests through them',
    )
    .option('--once', 'end after the table; status 0 only if every request had the outcome it should have')
    .option('--requests <n>', 'how many requests to send', '400')
    .option('--json', 'one JSON document')
    .showHelpAfterError(`for example: ${EXAMPLE}`)
    .action((flags: DemoFlags) => run(flags, context));
}
