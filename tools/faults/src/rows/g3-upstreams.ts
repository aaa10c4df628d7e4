import type { Socket } from 'node:net';
import type { Cell } from '../cell/cell.ts';
import { inMs } from '../figures.ts';
import { onlyOnce } from '../http/columns.ts';
import { askOnce } from '../http/raw-http.ts';
import { rawUpstream } from '../http/upstream.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const AT_ONCE = 20;
/** Tolerance for the machine, in milliseconds. */
const SLACK_MS = 1_500;

/** Behaviour of an upstream before it stalls, by path. */
const STAGES: Readonly<Record<string, { readonly sends: readonly string[]; readonly sees: 504 | 'cut' }>> = {
  '/silent': { sends: [], sees: 504 },
  '/half-head': { sends: ['HTTP/1.1 200 OK\r\nx-some: '], sees: 504 },
  '/head': { sends: ['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n'], sees: 'cut' },
  '/mid-body': { sends: ['HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n', 'some'], sees: 'cut' },
  '/mid-chunk': { sends: ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', '9\r\nsome'], sees: 'cut' },
};
const EARLY = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n';

function play(socket: Socket, path: string): void {
  const name = path.replace(/^\/body/, '');
  if (name === '/good') {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood');
  } else if (name === '/early') {
    const timer = setInterval(() => socket.write(EARLY), 50);
    socket.on('close', () => clearInterval(timer));
  } else {
    for (const part of STAGES[name]?.sends ?? []) socket.write(part);
  }
}

async function run(cell: Cell): Promise<Verdict> {
  const timeoutMs = cell.quick ? 500 : 3_000;
  const upstream = await cell.upstream(rawUpstream(play));
  const agent = await cell.agent('http');
  const gateway = await cell.gateway({
    upstream: upstream.origin,
    agents: [{ name: 'http', endpoint: agent.endpoint }],
    gateway: { upstreamTimeoutMs: timeoutMs, upstreamIdleTimeoutMs: timeoutMs },
  });
  const why: string[] = [];
  const late: string[] = [];
  let slowest = 0;
  const stages = [...Object.entries(STAGES), ['/early', { sends: [], sees: 504 }] as const];
  const asks = stages.flatMap(([path, { sees }]) =>
    ['', '/body'].flatMap((prefix) => Array.from({ length: AT_ONCE }, () => ({ path: `${prefix}${path}`, sees }))),
  );
  const stalling = asks.map(async ({ path, sees }) => {
    // a response may be quiet for twice the limit, as the gateway looks at it every so often
    const limitMs = 4 * timeoutMs + 10_000;
    const { status, over, tookMs } = await askOnce(gateway.url, path, { limitMs });
    slowest = Math.max(slowest, tookMs);
    // an agent that reads bodies may hold a head for a moment, and 502 is the failure of a body that never began
    const right = sees === 504 ? status === 504 : over && (status === 200 || status === 502 || status === 504);
    if (!over) why.push(`${path}: nothing ended within ${inMs(limitMs)}`);
    else if (!right) why.push(`${path}: the client got ${status || 'nothing'}`);
    if (over && tookMs > 2 * timeoutMs + SLACK_MS) late.push(`${path}: it took ${inMs(tookMs)}`);
  });
  const good = await askOnce(gateway.url, '/good');
  if (good.status !== 200 && good.status !== 503) why.push(`a good request meanwhile got ${good.status || 'nothing'}`);
  await Promise.all(stalling);
  const after = await askOnce(gateway.url, '/good');
  if (after.status !== 200) why.push(`a good request afterwards got ${after.status || 'nothing'}`);
  return verdict(`${asks.length} requests, ${inMs(slowest)} at most`, [...new Set(why)], [...new Set(late)]);
}

/** An upstream that stops at each stage of an answer. */
export const upstreams: Row = {
  id: 'G3',
  fault: 'upstream that stalls: silent, head, mid-body; 1xx without end',
  must: '504 before the head, a cut response after it, within the timeouts',
  notApplicable: onlyOnce,
  patience: 4,
  run,
};
