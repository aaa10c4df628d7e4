import { fileURLToPath } from 'node:url';
import type { Cell } from '../cell/cell.ts';
import { Pooled } from '../cell/pooled.ts';
import { spawnChild } from '../child.ts';
import { inMs } from '../figures.ts';
import { monotonicMs } from '../now.ts';
import { onlyReverse, startProxy, TOKEN } from '../reverse/proxy.ts';
import { type Row, type Verdict, verdict } from '../row.ts';
import { waitUntil } from '../wait.ts';

const AT_ONCE_MS = 1_000;
const FAILURES: ReadonlySet<string> = new Set(['ERR_CONNECT', 'ERR_CLOSED', 'ERR_CIRCUIT_OPEN']);

async function run(cell: Cell): Promise<Verdict> {
  const agents = cell.quick ? 50 : 200;
  const proxy = await startProxy(cell);
  const pooled = new Pooled(cell, {}, proxy.pool);
  const yardstick = await cell.yardstick();
  const program = fileURLToPath(new URL('../reverse/many-agents.ts', import.meta.url));
  const start = (): ReturnType<typeof spawnChild> => {
    const child = spawnChild(process.execPath, [program, proxy.address, String(agents), '1', TOKEN]);
    child.stdout.resume();
    child.stderr.resume();
    cell.defer(async () => {
      child.kill('SIGKILL');
      await waitUntil(() => child.exitCode !== null || child.signalCode !== null, 5_000);
    });
    return child;
  };
  const all = async (what: string): Promise<void> => {
    if (!(await waitUntil(() => proxy.listener.connectionCount === agents, 20_000)))
      why.push(`${what}: ${proxy.listener.connectionCount} of ${agents} are registered`);
  };
  const names = Array.from({ length: agents }, (_, at) => `a-${at + 1}`);
  const why: string[] = [];
  const late: string[] = [];
  const first = start();
  await all('at first');
  first.kill('SIGKILL');
  const since = monotonicMs();
  await waitUntil(() => proxy.listener.connectionCount === 0, 10_000);
  const tookMs = monotonicMs() - since;
  if (tookMs > (await yardstick.allows(AT_ONCE_MS, since))) late.push(`the loss was known after ${inMs(tookMs)}`);
  if (proxy.listener.connectionsByAgent.size > 0) why.push('agents that are gone are still counted');
  const asked = monotonicMs();
  const refused = await Promise.all(names.map((name) => pooled.ask(name, '/', 5_000)));
  const atOnceMs = await yardstick.allows(AT_ONCE_MS, asked);
  for (const { error, at } of refused) {
    if (!FAILURES.has(error?.code ?? '')) why.push(`a request got ${error?.code ?? 'a decision'}`);
    if (at - asked > atOnceMs) late.push(`a request failed after ${inMs(at - asked)}`);
  }
  start();
  await all('again');
  const outcomes = await Promise.all(names.map((name) => pooled.ask(name, '/', 5_000)));
  const failed = outcomes.filter(({ error }) => error !== undefined);
  if (failed.length > 0) why.push(`${failed.length} of ${agents} failed again: ${failed[0]?.error?.code}`);
  return verdict(`${agents} agents gone in ${inMs(tookMs)}`, [...new Set(why)], [...new Set(late)]);
}

/** Many agents of a pool vanish at the same moment. */
export const manyDropped: Row = {
  id: 'P5',
  fault: '200 agents dropped at once, and back',
  must: 'the loss is known within 1 s, requests to them fail at once, each is back',
  notApplicable: onlyReverse,
  run,
};
