import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell } from '../cell/cell.ts';
import { answerPings, dialRaw, recordOpening } from '../cell/raw-peer.ts';
import { reportOn } from '../cell/agent-leaks.ts';
import { grouped } from '../figures.ts';
import { grpcDataFrame } from '../relay/messages.ts';
import { noFrames, type Row, type Verdict, verdict } from '../row.ts';
import { waitUntil } from '../wait.ts';

const MAX_BYTES_EACH = 64 * 1024;
const KIB = 1024;
const MIB = 1024 * KIB;
/** Lengths that are interesting: around every limit, and what is negative elsewhere. */
const LENGTHS = [
  0,
  1,
  255,
  64 * KIB - 1,
  64 * KIB,
  64 * KIB + 1,
  MIB,
  10 * MIB,
  10 * MIB + 1,
  16 * MIB - 1,
  16 * MIB,
  16 * MIB + 1,
  0x7fffffff,
  0x80000000,
  0xffffffff,
];

/** Tests whether a length exceeds the medium; a frame always contains its type, a gRPC message may be empty. */
function isPastLimit(cell: Cell, length: number): boolean {
  return cell.column.medium === 'http2' ? length > 10 * MIB : length === 0 || length > 16 * MIB;
}

/** The bytes that announce a message of `length` and bring none of it. */
function announcement(cell: Cell, length: number): Buffer {
  if (cell.column.medium === 'http2') return grpcDataFrame(Buffer.alloc(0), length);
  const prefix = Buffer.alloc(5, 0x10);
  prefix.writeUInt32BE(length);
  return prefix;
}

async function run(cell: Cell): Promise<Verdict> {
  const agent = await cell.agent();
  const opening = await recordOpening(cell, agent.endpoint);
  const good = await cell.session(agent.endpoint, { keepalive: false });
  const count = cell.quick ? 300 : 1_000;
  const why: string[] = [];
  const start = await reportOn(good);
  const sockets: Socket[] = [];
  const silence: (() => void)[] = [];
  const http2 = cell.column.medium === 'http2';
  for (let at = 0; at < count; at += 20) {
    cell.note(`connection ${at + 1} of ${count}`);
    const opened = await Promise.all(
      Array.from({ length: Math.min(20, count - at) }, () => dialRaw(agent.endpoint, opening)),
    );
    sockets.push(...opened);
    if (!http2) silence.push(...opened.map(answerPings));
  }
  await sleep(100);
  const open = sockets.filter(({ closed }) => !closed).length;
  if (open < count) why.push(`${open} of ${count} connections could be opened`);
  const idle = await reportOn(good);
  const lies = sockets.map((socket, at) => ({
    socket,
    length: LENGTHS[at % LENGTHS.length] ?? 0,
    read: socket.bytesRead,
  }));
  // over HTTP/2 the stream ends and the connection may live on
  const isRefused = ({ socket, read }: (typeof lies)[number]): boolean =>
    socket.closed || (http2 && socket.bytesRead > read);
  for (const stop of silence) stop();
  for (const { socket, length } of lies) socket.write(announcement(cell, length));
  await waitUntil(() => lies.every((lie) => isRefused(lie) || !isPastLimit(cell, lie.length)), 20_000, 20);
  // those that must not be refused have come by then too
  const lied = await reportOn(good);
  const refused = lies.filter(isRefused).length;
  const each = Math.max(lied.rssBytes - idle.rssBytes, lied.heapBytes - idle.heapBytes) / count;
  if (each > MAX_BYTES_EACH) why.push(`${grouped(each)} bytes each were allocated for what was only announced`);
  const wrong = new Set(
    lies.filter((lie) => isRefused(lie) !== isPastLimit(cell, lie.length)).map(({ length }) => length),
  );
  for (const length of wrong) why.push(`length ${length} was ${isPastLimit(cell, length) ? 'not ' : ''}refused`);
  for (const socket of sockets) socket.destroy();
  const open0 = (idle.rssBytes - start.rssBytes) / count / KIB;
  return verdict(
    `${(Math.max(0, each) / KIB).toFixed(1)} KiB/conn (+${open0.toFixed(0)} open), ${refused}/${count} refused`,
    why,
  );
}

/** Lengths are announced, and nothing follows. */
export const prefix: Row = {
  id: 'R9',
  fault: 'length prefixes, then silence, on 1 000 connections',
  must: '≤ 64 KiB allocated each',
  notApplicable: noFrames,
  run,
};
