import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell } from '../cell/cell.ts';
import { headers } from '../cell/events.ts';
import { dialRaw, dialSilent, recordOpening } from '../cell/raw-peer.ts';
import { inMs } from '../figures.ts';
import { monotonicMs } from '../now.ts';
import { grpcDataFrame } from '../relay/messages.ts';
import { type Row, type Verdict, verdict } from '../row.ts';
import { waitUntil } from '../wait.ts';

const CONNECTIONS = 500;
const GOOD_MS = 200;
/** How long a frame may go on slowly before it must make progress; the transports' own bound. */
const PROGRESS_MS = 10_000;
const SLACK_MS = 1_000;

interface Trickle {
  readonly where: 'handshake' | 'frame header' | 'payload';
  readonly limitMs: number;
  open(): Promise<Socket>;
  /** What is sent, a byte a second. */
  readonly bytes: Buffer;
}

/** What trickles; in a short run only what ends soon. */
function trickles(cell: Cell, endpoint: string, opening: Buffer, deadlineMs: number): Trickle[] {
  const http2 = cell.column.medium === 'http2';
  const header = http2 ? grpcDataFrame(Buffer.alloc(64)) : Buffer.from([0, 0, 4, 0, 0x10]);
  const handshake: Trickle = {
    where: 'handshake',
    limitMs: deadlineMs + SLACK_MS,
    open: () => dialSilent(endpoint),
    bytes: opening,
  };
  if (cell.quick) return [handshake];
  const payload = http2
    ? Buffer.concat([grpcDataFrame(Buffer.alloc(1), 1000)])
    : Buffer.concat([header, Buffer.from('{"')]);
  return [
    handshake,
    {
      where: 'frame header',
      limitMs: PROGRESS_MS + SLACK_MS,
      open: () => dialRaw(endpoint, opening),
      bytes: header,
    },
    {
      where: 'payload',
      limitMs: PROGRESS_MS + SLACK_MS,
      open: () => dialRaw(endpoint, Buffer.concat([opening, payload])),
      bytes: http2 ? grpcDataFrame(Buffer.alloc(64)) : Buffer.alloc(64, 0x20),
    },
  ];
}

async function run(cell: Cell): Promise<Verdict> {
  const deadlineMs = cell.quick ? 1_000 : 10_000;
  const agent = await cell.agent('sessions', undefined, [String(deadlineMs)]);
  const opening = await recordOpening(cell, agent.endpoint);
  const kinds = trickles(cell, agent.endpoint, opening, deadlineMs);
  const why: string[] = [];
  const late: string[] = [];
  let worst = 0;
  for (const kind of kinds) {
    const { where, limitMs, bytes } = kind;
    cell.progress(where);
    const sockets = await Promise.all(
      Array.from({ length: Math.floor(CONNECTIONS / kinds.length) }, () => kind.open()),
    );
    const since = monotonicMs();
    let sent = 0;
    const sendOne = (): void => {
      for (const socket of sockets) if (socket.writable) socket.write(bytes.subarray(sent, sent + 1));
      sent = (sent + 1) % bytes.length;
    };
    sendOne();
    const trickle = setInterval(sendOne, 1_000);
    await sleep(limitMs / 4);
    const asked = monotonicMs();
    const good = await cell.session(agent.endpoint);
    const goodMs = (await good.ask(headers('/?n=0'))).at - asked;
    if (goodMs > GOOD_MS) late.push(`${where}: a good client took ${inMs(goodMs)}`);
    await waitUntil(() => sockets.every(({ closed }) => closed), since + limitMs + 5_000 - monotonicMs(), 10);
    clearInterval(trickle);
    const left = sockets.filter(({ closed }) => !closed).length;
    const tookMs = monotonicMs() - since;
    if (left > 0) why.push(`${where}: ${left} of ${sockets.length} are still open after ${inMs(tookMs)}`);
    else if (tookMs > limitMs) late.push(`${where}: closed after ${inMs(tookMs)}, ${inMs(limitMs)} are allowed`);
    worst = Math.max(worst, tookMs);
    for (const socket of sockets) socket.destroy();
  }
  return verdict(`closed in ${inMs(worst)}`, why, late);
}

/** Peers that send a byte a second. */
export const trickle: Row = {
  id: 'R7',
  fault: '500 connections at 1 byte/s',
  must: 'closed within the handshake deadline + 1 s; a good client connects within 200 ms meanwhile',
  run,
};
