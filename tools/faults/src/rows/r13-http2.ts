import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { reportOn } from '../cell/agent-leaks.ts';
import { NOISE_MS, p99, p99During } from '../cell/beside.ts';
import type { Cell } from '../cell/cell.ts';
import { dialRaw, recordOpening } from '../cell/raw-peer.ts';
import { inMs } from '../figures.ts';
import { type Row, type Verdict, verdict } from '../row.ts';
import { turn } from '../wait.ts';
import { ATTACKS, type Attack } from './r13-attacks.ts';

const MAX_RSS_BYTES = 100e6;

async function attackWith(attack: Attack, sockets: readonly Socket[]): Promise<number> {
  const read = sockets.map(({ bytesRead }) => bytesRead);
  for (const bytes of attack.bytes()) {
    for (const socket of sockets) if (socket.writable) socket.write(bytes);
    await turn();
  }
  await sleep(300);
  return sockets.filter((socket, at) => socket.closed || socket.bytesRead > (read[at] ?? 0)).length;
}

async function run(cell: Cell): Promise<Verdict> {
  const agent = await cell.agent();
  const opening = await recordOpening(cell, agent.endpoint);
  const beside = await cell.session(agent.endpoint);
  await p99(beside, 200);
  const before = await p99(beside, cell.quick ? 200 : 1_000);
  const { rssBytes } = await reportOn(beside);
  const why: string[] = [];
  const late: string[] = [];
  let [worstP99, worstRss] = [0, 0];
  for (const attack of ATTACKS) {
    cell.progress(attack.name);
    const { connections } = attack;
    const sockets = await Promise.all(Array.from({ length: connections }, () => dialRaw(agent.endpoint, opening)));
    await sleep(50);
    const attacking = attackWith(attack, sockets);
    const during = await p99During(beside, attacking);
    const answered = await attacking;
    const grown = (await reportOn(beside)).rssBytes - rssBytes;
    if (attack.refused && answered < connections)
      why.push(`${attack.name}: ${answered} of ${connections} were refused`);
    if (grown > MAX_RSS_BYTES) why.push(`${attack.name}: the agent grew by ${Math.round(grown / 1e6)} MB`);
    if (during > 2 * before + NOISE_MS)
      late.push(`${attack.name}: p99 of another connection went from ${inMs(before)} to ${inMs(during)}`);
    worstP99 = Math.max(worstP99, during);
    worstRss = Math.max(worstRss, grown);
    for (const socket of sockets) socket.destroy();
  }
  return verdict(`+${Math.round(worstRss / 1e6)} MB, p99 ${inMs(before)}→${inMs(worstP99)}`, why, late);
}

/** A hostile HTTP/2 client. */
export const http2: Row = {
  id: 'R13',
  fault: 'gRPC length lies, bombs, rapid reset, floods',
  must: "refused; memory +100 MB at most; other connections' p99 < 2 ×",
  notApplicable: ({ medium }) => (medium === 'http2' ? undefined : 'these are attacks on HTTP/2'),
  run,
};
