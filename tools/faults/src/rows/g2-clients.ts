import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell } from '../cell/cell.ts';
import { inMs } from '../figures.ts';
import { onlyOnce } from '../http/columns.ts';
import type { GatewayProcess } from '../http/gateway-process.ts';
import { askOnce, dial, readAnswer, requestText } from '../http/raw-http.ts';
import { goodUpstream } from '../http/upstream.ts';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const GOOD_MS = 1_000;
/** Tolerance for the machine, in milliseconds. */
const SLACK_MS = 750;
const LONG = '/long?bytes=33554432';
const UPLOAD = ['Transfer-Encoding: chunked'];

interface Stage {
  readonly name: string;
  /** Bytes that the client sends before it stalls. */
  readonly sends: string;
  /** Statuses that a good client may get meanwhile; an upload keeps its connection until its rate is checked, every 10 s. */
  readonly good: readonly number[];
  /** Set when it reads the response. */
  readonly reads: boolean;
  /** Within what the gateway must have ended such a client by itself, in milliseconds; `undefined`: not looked at here. */
  readonly endsWithin: (quick: boolean) => number | undefined;
}

/** Options of the gateway: those that decide how long a stall lasts. */
const gatewayOptions = (quick: boolean): Record<string, number> =>
  quick
    ? {
        upstreamQueueTimeoutMs: 1_000,
        clientStallTimeoutMs: 1_000,
        requestHeadTimeoutMs: 1_000,
        upstreamConnections: 32,
      }
    : { upstreamQueueTimeoutMs: 1_000 };
/** As many clients as there are connections to the upstream. */
const countOf = (quick: boolean): number => (quick ? 32 : 128);

const STAGES: readonly Stage[] = [
  {
    name: 'head',
    sends: 'GET / HTTP/1.1\r\nHost: faults.test\r\nx-some: ',
    good: [200],
    reads: true,
    endsWithin: (quick) => (quick ? 4_000 : 45_000),
  },
  {
    name: 'upload',
    sends: `${requestText('/body/up', UPLOAD, 'POST')}4\r\nsome\r\n`,
    good: [200, 503],
    reads: true,
    endsWithin: (quick) => (quick ? undefined : 30_000),
  },
  {
    name: 'download',
    sends: requestText(LONG),
    good: [200],
    reads: false,
    endsWithin: (quick) => (quick ? 5_000 : 75_000),
  },
  {
    name: 'download that an agent reads',
    sends: requestText(`/body${LONG}`),
    good: [200],
    reads: false,
    endsWithin: (quick) => (quick ? 5_000 : 75_000),
  },
];

/** Resolves to how many of the sockets the other side has ended, once it is all of them or time is up. */
async function endedOf(sockets: readonly Socket[], limitMs: number): Promise<number> {
  const ends = sockets.map((socket) => readAnswer(socket.resume(), limitMs));
  return (await Promise.all(ends)).filter(({ over }) => over).length;
}

async function stalled(
  cell: Cell,
  gateway: GatewayProcess,
  stage: Stage,
  found: { readonly why: string[]; readonly late: string[] },
): Promise<number> {
  const many = countOf(cell.quick);
  const sockets = Array.from({ length: many }, () => {
    const socket = dial(gateway.url);
    if (stage.reads) socket.resume();
    socket.write(stage.sends);
    return socket;
  });
  await gateway.settled();
  let slowest = 0;
  for (let at = 0; at < 5; at++) {
    const { status, tookMs } = await askOnce(gateway.url, '/good', { limitMs: 20_000 });
    slowest = Math.max(slowest, tookMs);
    if (!stage.good.includes(status))
      found.why.push(`${many} × ${stage.name}: a good client got ${status || 'nothing'}`);
    if (tookMs > GOOD_MS + SLACK_MS)
      found.late.push(`${many} × ${stage.name}: a good client was answered after ${inMs(tookMs)}`);
  }
  const within = stage.endsWithin(cell.quick);
  if (within !== undefined) {
    // a download is looked at without reading it: what the client takes would not be a stall
    if (stage.reads) {
      const ended = await endedOf(sockets, within);
      if (ended < many) found.why.push(`${stage.name}: ${many - ended} clients are still there after ${inMs(within)}`);
    } else if (!(await idle(gateway, within))) {
      found.why.push(`${stage.name}: the requests of clients that read nothing live after ${inMs(within)}`);
    }
  }
  for (const socket of sockets) socket.destroy();
  return slowest;
}

async function idle(gateway: GatewayProcess, limitMs: number): Promise<boolean> {
  const until = monotonicMs() + limitMs;
  while (monotonicMs() < until) {
    if ((await gateway.state())?.gateway.active === 0) return true;
    await sleep(100);
  }
  return false;
}

async function run(cell: Cell): Promise<Verdict> {
  const upstream = await cell.upstream(goodUpstream());
  const agent = await cell.agent('http');
  const gateway = await cell.gateway({
    upstream: upstream.origin,
    agents: [{ name: 'http', endpoint: agent.endpoint }],
    gateway: gatewayOptions(cell.quick),
  });
  const found = { why: [] as string[], late: [] as string[] };
  let slowest = 0;
  for (const stage of STAGES) {
    cell.progress(`clients stall: ${stage.name}`);
    slowest = Math.max(slowest, await stalled(cell, gateway, stage, found));
  }
  return verdict(`good client ${inMs(slowest)} at most`, found.why, found.late);
}

/** Clients that stop, many at once, at each stage of a request. */
export const clients: Row = {
  id: 'G2',
  fault: '128 clients that stall: head, upload, download',
  must: 'a good client is answered within 1 s; those that stall are ended as the options say',
  notApplicable: onlyOnce,
  patience: 4,
  run,
};
