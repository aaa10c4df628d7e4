import { fileURLToPath } from 'node:url';
import type { Cell } from '../cell/cell.ts';
import { cpuFactor } from '../cell/yardstick.ts';
import { reportOfChild } from '../child.ts';
import { grouped } from '../figures.ts';
import type { ManySessionsReport } from '../proxy/many-sessions.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const PER_SECOND = 20_000;
const MAX_RSS_BYTES = 400e6;
/**
 * Old generation of both processes, in MiB. Without a limit V8 lets garbage lie for as long as other work of the machine keeps its own
 * threads from collecting it: 280 MB in a process that holds 50.
 */
const MAX_HEAP_MIB = 128;
/** Connections that a listener takes unless told otherwise. */
const CAP = 1_024;

const PROGRAM = fileURLToPath(new URL('../proxy/many-sessions.ts', import.meta.url));

async function run(cell: Cell): Promise<Verdict> {
  const [count, seconds] = cell.quick ? [100, 2] : [1_000, 60];
  const agent = await cell.agent('faults', undefined, [], { maxHeapMiB: MAX_HEAP_MIB });
  // where the agent dials, the cap is that of a listener, which its own tests have
  const cap = cell.quick || cell.column.reverse !== undefined ? 0 : CAP;
  const words = [`--max-old-space-size=${MAX_HEAP_MIB}`, PROGRAM, cell.column.id, agent.endpoint];
  cell.progress(`${count} connections, for ${seconds} s after they are open`);
  const report = (await reportOfChild(cell, [...words, `${count}`, `${seconds}`, `${cap}`])) as ManySessionsReport;
  const { asked, failed, code, answers, left, tookMs, rssBytes, agentRssBytes, pastCap } = report;
  const perBusySecond = (asked * 1_000) / Math.min(tookMs, Math.max(report.cpuMs, report.agentCpuMs));
  const why: string[] = [];
  if (answers !== asked - failed) why.push(`${answers} answers are counted of ${asked - failed}`);
  if (left > 0) why.push(`${left} requests are pending or in flight`);
  if (failed > 0) why.push(`${failed} of ${asked} requests failed, with ${code}`);
  for (const [name, bytes] of [['the proxy', rssBytes] as const, ['the agent', agentRssBytes] as const])
    if (bytes > MAX_RSS_BYTES) why.push(`${name} holds ${Math.round(bytes / 1e6)} MB`);
  if (pastCap !== undefined && !(pastCap.code === 'ERR_OVERLOADED' && pastCap.message.includes(String(CAP))))
    why.push(`past the cap: ${pastCap.code}: ${pastCap.message}`);
  // in two seconds the code is not warm
  const late =
    !cell.quick && perBusySecond < PER_SECOND / cpuFactor()
      ? [`${grouped(perBusySecond)} requests a second of processor time`]
      : [];
  const megabytes = `${Math.round(rssBytes / 1e6)} + ${Math.round(agentRssBytes / 1e6)} MB`;
  return verdict(
    `${grouped((asked * 1_000) / tookMs)}/s wall, ${grouped(perBusySecond)}/s cpu, ${megabytes}`,
    why,
    late,
  );
}

/** Many connections, and many requests in flight on them. */
export const many: Row = {
  id: 'R8',
  fault: '1 000 connections, 10 000 in flight, 60 s',
  must: '≥ 20 000 req/s, RSS ≤ 400 MB, no error; the next connection past the cap is refused with a reason',
  run,
};
