import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectSession, type ProxySession } from '@agentwire/core/session';
import { hasMounts } from '../agents/agent-process.ts';
import type { Cell } from '../cell/cell.ts';
import { headers, numberOf } from '../cell/events.ts';
import { inMs } from '../figures.ts';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const DESCRIPTORS = 64;
const ATTEMPTS = 100;
const BACK_MS = 2_000;
/** Share of a processor that an agent without descriptors may use while nothing is asked of it. */
const SPIN_SHARE = 0.25;
const TICKS_PER_SECOND = 100;
const CHUNK = new Uint8Array(256 * 1024);
const CHUNKS = 20;

/** Processor time of a process, in milliseconds. */
function cpuMsOf(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND;
}

/** Dials until the agent has no descriptor left, and gives them back. */
async function fewDescriptors(cell: Cell, why: string[], late: string[]): Promise<string> {
  const agent = await cell.agent('sessions', undefined, [], { maxDescriptors: DESCRIPTORS });
  const { transport, hello } = cell.column;
  const yardstick = await cell.yardstick();
  const sessions: ProxySession[] = [];
  const dial = async (): Promise<string | undefined> => {
    try {
      const options = { self: hello, keepalive: false, handshakeTimeoutMs: 1_000 } as const;
      sessions.push(await connectSession(transport, agent.endpoint, options));
      return undefined;
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
  };
  const refused = new Set<string>();
  for (let at = 0; at < ATTEMPTS / 10; at += 1)
    for (const code of await Promise.all(Array.from({ length: 10 }, dial))) if (code !== undefined) refused.add(code);
  const taken = sessions.length;
  if (taken >= ATTEMPTS || taken < 10) why.push(`${taken} of ${ATTEMPTS} connections were taken`);
  for (const code of refused)
    if (!['ERR_CONNECT', 'ERR_CLOSED', 'ERR_TIMEOUT'].includes(code)) why.push(`a connection got ${code}`);
  const [since, cpu] = [monotonicMs(), cpuMsOf(agent.child.pid)];
  const waiting = dial();
  await sleep(500);
  const share = (cpuMsOf(agent.child.pid) - cpu) / (monotonicMs() - since);
  if (share > SPIN_SHARE) why.push(`without a descriptor the agent used ${Math.round(share * 100)} % of a processor`);
  for (const session of sessions.slice(0, taken))
    if ((await session.request(headers('/?n=1'), { timeoutMs: 5_000 })).verdict.type !== 'allow')
      why.push('a connection from before was not answered');
  await waiting;
  await Promise.all(sessions.map((session) => session.close()));
  sessions.length = 0;
  const freedAt = monotonicMs();
  while ((await dial()) !== undefined && monotonicMs() - freedAt < 10_000) await sleep(5);
  const backMs = monotonicMs() - freedAt;
  if (backMs > (await yardstick.allows(BACK_MS, freedAt))) late.push(`it was back after ${inMs(backMs)}`);
  await Promise.all(sessions.map((session) => session.close()));
  return `${taken} of ${DESCRIPTORS}, back in ${inMs(backMs)}`;
}

/** Sends bodies that need a file to an agent without room for one, and makes room. */
async function fullDisk(cell: Cell, why: string[]): Promise<string> {
  const fullTemp = join(cell.folder, 'full');
  mkdirSync(fullTemp);
  const agent = await cell.agent('faults', undefined, [], { fullTemp });
  const tracked = await cell.session(agent.endpoint);
  // where the dialect has no field for it, the headers tell of the body
  const head = headers('/spill');
  const announced = { ...head, headers: [...head.headers, 'transfer-encoding', 'chunked'], hasBody: true };
  const body = async (chunks: number): Promise<string> => {
    const exchange = tracked.session.open();
    let { decision, error } = await tracked.follow(() => exchange.ask(announced));
    for (let index = 0; decision?.needsMore === true; index += 1) {
      const chunk = { type: 'requestBodyChunk' as const, index, data: CHUNK, last: index === chunks - 1 };
      ({ decision, error } = await tracked.follow(() => exchange.ask(chunk)));
    }
    exchange.end();
    return error?.code ?? (decision?.verdict.type === 'allow' ? `${numberOf(decision)} bytes` : 'block');
  };
  const without = await body(CHUNKS);
  // the frames of the zentinel dialect have no errors: the agent decides a block
  const expected = cell.column.dialect === 'zentinel' && cell.column.medium === 'frames' ? 'block' : 'ERR_NO_SPACE';
  if (without !== expected) why.push(`without room for a file a body got ${without}`);
  if ((await tracked.ask(headers('/?n=1'))).error !== undefined) why.push('a request without a body failed');
  const small = await body(2);
  if (small !== `${2 * CHUNK.byteLength} bytes`) why.push(`a body that needs no file got ${small}`);
  if (!hasMounts()) return `${without} past a file's limit`;
  await tracked.ask(headers('/free'));
  const again = await body(10);
  if (again !== `${10 * CHUNK.byteLength} bytes`) why.push(`once there was room a body got ${again}`);
  return without;
}

async function run(cell: Cell): Promise<Verdict> {
  const [why, late]: [string[], string[]] = [[], []];
  const disk = await fullDisk(cell, why);
  // where the agent dials, the proxy accepts
  const descriptors = cell.column.reverse === undefined ? `${await fewDescriptors(cell, why, late)}; ` : '';
  return verdict(`${descriptors}full disk: ${disk}`, [...new Set(why)], late);
}

/** An agent has no descriptor left, or no room for temporary files. */
export const exhausted: Row = {
  id: 'R17',
  fault: 'ulimit -n 64; full temp disk',
  must: 'typed errors; who is connected is answered; accepting neither spins nor stops for good; bodies in memory pass',
  run,
};
