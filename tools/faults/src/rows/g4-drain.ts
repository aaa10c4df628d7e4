import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell } from '../cell/cell.ts';
import { grouped, inMs } from '../figures.ts';
import { noGateway } from '../http/columns.ts';
import { dial, readAnswer, requestText, type Seen } from '../http/raw-http.ts';
import { goodUpstream } from '../http/upstream.ts';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';
import { within } from '../wait.ts';

const CLIENTS = 20;
const LONG_BYTES = 8 * 1024 * 1024;
const LIMIT_MS = 10_000;

/** Outcome of one keep-alive client. */
interface Served {
  answered: number;
  /** Requests without a whole answer that were sent before `connection: close` was read. */
  cut: number;
  wrong: string[];
  saidClose: boolean;
}

function isWhole(text: string): boolean {
  const head = text.indexOf('\r\n\r\n');
  if (head < 0) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, head))?.[1];
  if (length !== undefined) return text.length >= head + 4 + Number(length);
  return text.endsWith('\r\n0\r\n\r\n');
}

function count(served: Served, { status, text }: Seen): void {
  if (!isWhole(text)) served.cut += 1;
  else if (status !== 200) served.wrong.push(`a request got ${status}`);
  else served.answered += 1;
  served.saidClose = /\r\nconnection: close\r\n/i.test(text.slice(0, text.indexOf('\r\n\r\n') + 2));
}

/** Asks again and again on one connection, until an answer says `connection: close` or the idle connection is closed. */
async function keepAsking(url: string, wait: number): Promise<Served> {
  const served: Served = { answered: 0, cut: 0, wrong: [], saidClose: false };
  const socket = dial(url);
  let over = false;
  socket.on('end', () => (over = true)).on('close', () => (over = true));
  while (!served.saidClose) {
    await sleep(wait);
    // ended while it was idle: nothing was sent that could have been lost
    if (over) break;
    socket.write(requestText(`/slow?ms=${wait % 7}`));
    count(served, await readAnswer(socket, LIMIT_MS, isWhole));
  }
  socket.destroy();
  return served;
}

/** A long answer, read slowly. */
async function download(url: string): Promise<Served> {
  const served: Served = { answered: 0, cut: 0, wrong: [], saidClose: false };
  const socket: Socket = dial(url);
  socket.write(requestText(`/long?bytes=${LONG_BYTES}`));
  const slower = setInterval(() => {
    socket.pause();
    setTimeout(() => socket.resume(), 15);
  }, 20);
  count(served, await readAnswer(socket, 3 * LIMIT_MS, isWhole));
  clearInterval(slower);
  socket.destroy();
  return served;
}

/** Upload in flight when the drain begins. */
async function upload(url: string, forMs: number): Promise<Served> {
  const served: Served = { answered: 0, cut: 0, wrong: [], saidClose: false };
  const socket = dial(url);
  socket.write(requestText('/body/up', ['Transfer-Encoding: chunked'], 'POST'));
  for (let at = 0; at < 20; at++) {
    socket.write('4\r\npart\r\n');
    await sleep(forMs / 20);
  }
  socket.write('0\r\n\r\n');
  count(served, await readAnswer(socket, LIMIT_MS, isWhole));
  socket.destroy();
  return served;
}

async function run(cell: Cell): Promise<Verdict> {
  const beforeMs = cell.quick ? 300 : 3_000;
  const upstream = await cell.upstream(goodUpstream());
  const agent = await cell.agent('http');
  const gateway = await cell.gateway({
    upstream: upstream.origin,
    agents: [{ name: 'http', endpoint: agent.endpoint }],
    pool: { encodings: cell.column.hello.encodings },
  });
  const loops = Array.from({ length: CLIENTS }, (_, at) => keepAsking(gateway.url, at % 2 === 0 ? 1 : 20 + at));
  const idle = keepAsking(gateway.url, 2_500 + beforeMs);
  const long = [download(gateway.url), download(gateway.url), upload(gateway.url, beforeMs + 1_000)];
  await sleep(beforeMs);
  const since = monotonicMs();
  gateway.terminate();
  const clients = await Promise.all([...loops, idle, ...long]);
  const ended = await within(gateway.exited, 40_000);
  const why = new Set(clients.flatMap(({ wrong }) => wrong));
  const cut = clients.reduce((sum, one) => sum + one.cut, 0);
  const answered = clients.reduce((sum, one) => sum + one.answered, 0);
  if (cut > 0) why.add(`${cut} requests were cut, ${answered} were answered`);
  if (ended === undefined) why.add('the gateway did not end within 40 s of SIGTERM');
  else if (gateway.exitCode !== 0) why.add(`the gateway ended with status ${gateway.exitCode}`);
  return verdict(`${grouped(answered)} answered, drained in ${inMs(monotonicMs() - since)}`, [...why]);
}

/** SIGTERM while kept-alive connections are busy. */
export const gatewayDrain: Row = {
  id: 'G4',
  fault: 'SIGTERM under load with kept-alive connections',
  must: 'nothing is cut; nothing is refused that was sent before `connection: close`; exit status 0',
  notApplicable: noGateway,
  patience: 4,
  run,
};
