// A team of agents solves a small job: `pnpm start` over NATS with each agent in a process of its own, `pnpm start --local` in one.
// Prints the conversation and the verified audit chains; ends with 0 only if everything is as it should be.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { verifyChainFile } from '@agentwire/a2a-router';
import { solveInOneProcess } from './in-one-process.ts';
import { pieces, RIGHT_ANSWER } from './job.ts';
import { solveOverNats } from './over-nats.ts';

/** Result of a team, and the audit chains that it left, each with its head. */
export interface Solved {
  readonly total: number;
  readonly chains: readonly { readonly path: string; readonly head: string; readonly key: Uint8Array }[];
}

const local = process.argv.includes('--local');
const folder = mkdtempSync(join(tmpdir(), 'agentwire-team-'));
const conversation: string[] = [];
const print = (line: string): void => void process.stdout.write(`${line}\n`);
const say = (line: string): void => {
  conversation.push(line);
  print(`  ${line}`);
};

// Whatever hangs is a failure.
setTimeout(() => {
  print('not done after 60 s');
  process.exit(1);
}, 60_000).unref();

try {
  print(local ? 'A team in one process:' : 'A team over NATS, each agent in a process of its own:');
  const { total, chains } = await (local ? solveInOneProcess : solveOverNats)(folder, say);
  const problems: string[] = [];
  const check = (holds: boolean, what: string): void => {
    if (!holds) problems.push(what);
  };
  print(`\nprimes below 10 000: ${total}`);
  check(total === RIGHT_ANSWER, `the answer is ${RIGHT_ANSWER}`);
  const spoken = conversation.map((line) => line.split(':')[0]);
  check(
    spoken.filter((who) => who === 'planner → primes').length === pieces().length,
    'the planner gives out every piece',
  );
  check(
    ['worker-1 → planner', 'worker-2 → planner'].every((who) => spoken.includes(who)),
    'both workers take part',
  );
  check(
    spoken.some((who) => who?.endsWith('✗ auditor')),
    'the worker that gossips is refused',
  );

  let refused = 0;
  let delivered = 0;
  for (const { path, head, key } of chains) {
    const report = verifyChainFile(path, { key, head });
    print(`\n${report.summary.replace(path, basename(path))}`);
    check(report.ok, `${basename(path)} verifies`);
    for (const line of readFileSync(path, 'utf8').trimEnd().split('\n')) {
      const { kind, payload } = JSON.parse(line) as { kind: string; payload?: { code?: string; delivered?: number } };
      if (kind !== 'ipc.outcome') continue;
      if (payload?.code === 'ERR_CAPABILITY_DENIED') refused += 1;
      delivered += payload?.delivered ?? 0;
    }
    const [first] = chains;
    check(!verifyChainFile(path, { key: new Uint8Array(randomBytes(32)) }).ok, 'another key does not verify');
    check(
      path === first?.path || !verifyChainFile(path, { key, head: first?.head ?? '' }).ok,
      'a head of another chain does not verify',
    );
  }
  print(`\nin the chains: ${delivered} deliveries, ${refused} refused`);
  check(refused === 1, 'the chains have the one refusal');
  check(delivered >= 3 * pieces().length, 'the chains have every question, answer and report');
  for (const problem of problems) print(`WRONG: it should be that ${problem}`);
  print(problems.length === 0 ? 'all as it should be' : `${problems.length} things are not as they should be`);
  process.exitCode = problems.length === 0 ? 0 : 1;
} catch (error) {
  print(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
