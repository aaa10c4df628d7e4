import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell } from '../cell/cell.ts';
import { grouped, inMs } from '../figures.ts';
import { onlyOnce } from '../http/columns.ts';
import { askOnce, dial, readAnswer, type Seen } from '../http/raw-http.ts';
import { goodUpstream } from '../http/upstream.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const LIVEZ_MS = 1_000;

/** Requests that stand for themselves, with the statuses that are right. */
const REQUESTS: readonly (readonly [text: string, statuses: readonly number[]])[] = [
  ...[
    '//',
    '/\\',
    '//:99999/',
    'http://[/',
    '/%',
    '/%00',
    '/..//..',
    '//debug/state',
    '*',
    '/__proto__',
    '/constructor',
  ].map((target) => [`GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`, [400, 404]] as const),
  [`GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`, [400, 404, 414, 431]],
  ['GET /debug/state HTTP/1.1\r\nHost: rebound.test\r\n\r\n', [403]],
  ['GET /debug/state HTTP/1.1\r\nHost: localhost.rebound.test\r\n\r\n', [403]],
  ['GET /debug/state HTTP/1.1\r\nHost: 127.0.0.1.rebound.test\r\n\r\n', [403]],
  ['GET /debug/state HTTP/1.1\r\nHost: [\r\n\r\n', [400, 403]],
  ['GET /debug/state HTTP/1.1\r\nHost:\r\n\r\n', [400, 403]],
  ['GET /debug/state HTTP/1.1\r\n\r\n', [400, 403]],
  ['POST /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nsome', [405]],
  ['DELETE /debug/state HTTP/1.1\r\nHost: localhost\r\n\r\n', [405]],
  ['TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n', [405]],
  ['HEAD /livez HTTP/1.1\r\nHost: localhost\r\n\r\n', [200]],
  ['GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n', [200]],
  ['NONSENSE\r\n\r\n', [400]],
];
/** Requests that end without an answer too. */
const ANY = ['CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n', '\x16\x03\x01\x02\x00\x01', '\0'.repeat(1_000)];

async function send(admin: string, text: string): Promise<number> {
  const socket = dial(admin);
  socket.write(text, 'latin1');
  const { status } = await readAnswer(socket, 3_000, (seen) => seen.includes('\r\n\r\n'));
  socket.destroy();
  return status;
}

/** Pipelines requests without reading an answer, beside connections that send half a head. */
async function flood(admin: string, count: number): Promise<void> {
  const one = 'GET /debug/state HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const deaf = Array.from({ length: 10 }, () => {
    const socket = dial(admin);
    socket.write(one.repeat(count));
    return socket;
  });
  const half = Array.from({ length: 200 }, () => {
    const socket = dial(admin);
    socket.write('GET / HTTP/1.1\r\nHost: loc');
    return socket;
  });
  await sleep(500);
  for (const socket of [...deaf, ...half]) socket.destroy();
}

async function askLivez(admin: string): Promise<Seen> {
  const socket = dial(admin);
  socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const seen = await readAnswer(socket, 10_000, (text) => text.includes('ok\n'));
  socket.destroy();
  return seen;
}

async function run(cell: Cell): Promise<Verdict> {
  const upstream = await cell.upstream(goodUpstream());
  const gateway = await cell.gateway({ upstream: upstream.origin });
  const why: string[] = [];
  const late: string[] = [];
  for (const [text, statuses] of REQUESTS) {
    const status = await send(gateway.admin, text);
    const line = JSON.stringify(text.slice(0, 60));
    if (!statuses.includes(status))
      why.push(`${line} got ${status || 'nothing'}, and ${statuses.join(' or ')} is right`);
    if (gateway.ended) return verdict('died', [...why, `${line} ended the gateway`]);
  }
  for (const text of ANY) if ((await send(gateway.admin, text)) === 200) why.push(`${JSON.stringify(text)} got 200`);
  const before = gateway.rssBytes;
  const count = cell.quick ? 200 : 5_000;
  const flooding = flood(gateway.admin, count);
  await sleep(100);
  const { status, tookMs } = await askOnce(gateway.url, '/good', { limitMs: 10_000 });
  if (status !== 200) why.push(`a request to the gateway during the flood got ${status || 'nothing'}`);
  await flooding;
  const livez = await askLivez(gateway.admin);
  if (livez.status !== 200) why.push(`/livez after the flood got ${livez.status || 'nothing'}`);
  if (livez.tookMs > LIVEZ_MS) late.push(`/livez after the flood took ${inMs(livez.tookMs)}`);
  const grown = (gateway.rssBytes - before) / 1e6;
  if (grown > 150) why.push(`the gateway grew by ${Math.round(grown)} MB`);
  const sent = REQUESTS.length + ANY.length + 10 * count;
  return verdict(
    `${grouped(sent)} requests, other port ${inMs(tookMs)}, +${Math.max(0, Math.round(grown))} MB`,
    why,
    late,
  );
}

/** The admin server under attack. */
export const admin: Row = {
  id: 'G5',
  fault: 'admin port: strange targets and Hosts, methods, floods',
  must: '4xx; the process lives; /livez and the other port go on',
  notApplicable: onlyOnce,
  patience: 4,
  run,
};
