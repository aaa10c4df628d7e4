import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell } from '../cell/cell.ts';
import { headers } from '../cell/events.ts';
import { dialRaw, dialSilent, recordOpening } from '../cell/raw-peer.ts';
import { inMs } from '../figures.ts';
import { monotonicMs } from '../now.ts';
import { dataFrame, watchHttp2End } from '../relay/messages.ts';
import { noFrames, type Row, type Verdict, verdict } from '../row.ts';
import { waitUntil } from '../wait.ts';

const CONNECTIONS = 500;
const GOOD_MS = 200;
/** Time in which a slow frame must make progress; the limit of the transports. */
const PROGRESS_MS = 10_000;
const SLACK_MS = 1_000;

interface Trickle {
  readonly where: 'handshake' | 'frame header' | 'payload';
  readonly limitMs: number;
  open(): Promise<Socket>;
  /** Bytes that are sent, one per second. */
  readonly units: readonly Buffer[];
}

/** Slow messages; in a short run only those that end soon. */
function trickles(cell: Cell, endpoint: string, opening: Buffer, deadlineMs: number): Trickle[] {
  const http2 = cell.column.medium === 'http2';
  // over HTTP/2 each byte is a DATA frame of its own: what trickles is the gRPC message in them
  const unitsOf = (bytes: Buffer): Buffer[] =>
    Array.from(bytes, (byte) => (http2 ? dataFrame(Buffer.from([byte])) : Buffer.from([byte])));
  const handshake: Trickle = {
    where: 'handshake',
    limitMs: deadlineMs + SLACK_MS,
    open: () => dialSilent(endpoint),
    units: Array.from(opening, (byte) => Buffer.from([byte])),
  };
  if (cell.quick) return [handshake];
  const header = http2 ? Buffer.from([0, 0, 0, 4, 0]) : Buffer.from([0, 0, 4, 0, 0x10]);
  const limitMs = PROGRESS_MS + SLACK_MS;
  const begun = Buffer.concat([opening, http2 ? dataFrame(header) : header]);
  return [
    handshake,
    { where: 'frame header', limitMs, open: () => dialRaw(endpoint, opening), units: unitsOf(header) },
    { where: 'payload', limitMs, open: () => dialRaw(endpoint, begun), units: unitsOf(Buffer.alloc(64, 0x20)) },
  ];
}

async function run(cell: Cell): Promise<Verdict> {
  const deadlineMs = cell.quick ? 1_000 : 10_000;
  const agent = await cell.agent('sessions', undefined, [String(deadlineMs)]);
  const opening = await recordOpening(cell, agent.endpoint);
  const yardstick = await cell.yardstick();
  const kinds = trickles(cell, agent.endpoint, opening, deadlineMs);
  const why: string[] = [];
  const late: string[] = [];
  let worst = 0;
  for (const kind of kinds) {
    const { where, limitMs, units } = kind;
    cell.progress(where);
    const sockets = await Promise.all(
      Array.from({ length: Math.floor(CONNECTIONS / kinds.length) }, () => kind.open()),
    );
    // the end of a stream is what the proxy learns; the connection under it may live on
    const over = new Set(sockets.filter(({ closed }) => closed));
    for (const socket of sockets) {
      socket.once('close', () => over.add(socket));
      if (cell.column.medium === 'http2')
        socket.on(
          'data',
          watchHttp2End(() => over.add(socket)),
        );
    }
    const since = monotonicMs();
    let sent = 0;
    const sendOne = (): void => {
      const unit = units[sent % units.length] ?? Buffer.alloc(0);
      for (const socket of sockets) if (socket.writable) socket.write(unit);
      sent += 1;
    };
    sendOne();
    const trickle = setInterval(sendOne, 1_000);
    await sleep(limitMs / 4);
    const asked = monotonicMs();
    const good = await cell.session(agent.endpoint);
    const goodMs = (await good.ask(headers('/?n=0'))).at - asked;
    // a handshake and a request are about ten waits, of which each may be as long as the longest
    if (goodMs > GOOD_MS + 10 * (await yardstick.worst(asked, asked + goodMs)))
      late.push(`${where}: a good client took ${inMs(goodMs)}`);
    await waitUntil(() => over.size === sockets.length, since + limitMs + 5_000 - monotonicMs(), 10);
    clearInterval(trickle);
    const left = sockets.length - over.size;
    const tookMs = monotonicMs() - since;
    if (left > 0) why.push(`${where}: ${left} of ${sockets.length} are still open after ${inMs(tookMs)}`);
    else if (tookMs > (await yardstick.allows(limitMs, since)))
      late.push(`${where}: closed after ${inMs(tookMs)}, ${inMs(limitMs)} are allowed`);
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
  notApplicable: noFrames,
  run,
};
