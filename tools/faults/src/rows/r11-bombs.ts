import { setTimeout as sleep } from 'node:timers/promises';
import { reportOn } from '../cell/agent-leaks.ts';
import type { Cell } from '../cell/cell.ts';
import { cpuFactor } from '../cell/yardstick.ts';
import { dialRaw, recordOpening } from '../cell/raw-peer.ts';
import type { TrackedSession } from '../cell/tracked-session.ts';
import { inMs } from '../figures.ts';
import { ANSWER, changeFrames } from '../relay/messages.ts';
import { noFrames, type Row, type Verdict, verdict } from '../row.ts';
import { within } from '../wait.ts';
import { bombsOf, type Bomb } from './r11-cases.ts';

/** Tries of each bomb; the best counts, for other work of the machine only ever adds. */
const TRIES = 3;

interface Hit {
  readonly blockedMs: number;
  /** Set when it was allowed. */
  readonly allowed: boolean;
}

async function hit(endpoint: string, opening: Buffer, bomb: Bomb, good: TrackedSession): Promise<Hit> {
  const socket = await dialRaw(endpoint, opening);
  let allowed = false;
  const read = changeFrames((type, payload) => {
    allowed ||= type === ANSWER && payload.includes('allow');
    return payload;
  });
  socket.on('data', read);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bomb.payload.length + 1);
  head[4] = bomb.type;
  await reportOn(good);
  const over = new Promise((resolve) => socket.once('data', resolve).once('close', resolve));
  socket.write(Buffer.concat([head, bomb.payload]));
  // most are refused without an answer, and what blocks does so by then
  await within(over, 150);
  await sleep(20);
  const { blockedMs } = await reportOn(good);
  socket.destroy();
  return { blockedMs, allowed };
}

async function run(cell: Cell): Promise<Verdict> {
  const agent = await cell.agent();
  const opening = await recordOpening(cell, agent.endpoint);
  const good = await cell.session(agent.endpoint);
  const why: string[] = [];
  const late: string[] = [];
  let [headersMs, anyMs] = [0, 0];
  const factor = cpuFactor();
  for (const bomb of bombsOf(cell.column.encoding)) {
    cell.progress(bomb.name);
    const hits: Hit[] = [];
    for (let at = 0; at < (cell.quick ? 2 : TRIES); at++) hits.push(await hit(agent.endpoint, opening, bomb, good));
    const blockedMs = Math.min(...hits.map((one) => one.blockedMs));
    if (blockedMs > bomb.limitMs * factor) late.push(`${bomb.name}: the agent was blocked for ${inMs(blockedMs)}`);
    if (hits.some(({ allowed }) => allowed) && bomb.name !== '15 MiB of base64') why.push(`${bomb.name}: was allowed`);
    if (bomb.payload.length < 2 ** 20) headersMs = Math.max(headersMs, blockedMs);
    else anyMs = Math.max(anyMs, blockedMs);
  }
  return verdict(`${inMs(headersMs)} headers, ${inMs(anyMs)} 16 MiB`, why, late);
}

/** Content that costs more than it looks. */
export const bombs: Row = {
  id: 'R11',
  fault: 'JSON and MessagePack bombs at the size caps',
  must: 'rejected; event loop blocked < 20 ms (headers) and < 100 ms (any legal frame)',
  notApplicable: (column) =>
    column.medium === 'http2' ? 'neither JSON nor MessagePack; R13 has its bombs' : noFrames(column),
  run,
};
