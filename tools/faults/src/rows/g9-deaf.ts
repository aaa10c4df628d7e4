import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell } from '../cell/cell.ts';
import type { Outcome } from '../cell/asked.ts';
import type { TrackedSession } from '../cell/tracked-session.ts';
import { headers } from '../cell/events.ts';
import { inMs } from '../figures.ts';
import { noGateway } from '../http/columns.ts';
import { residentBytes } from '../http/gateway-process.ts';
import { askOnce, dial, requestText } from '../http/raw-http.ts';
import { goodUpstream } from '../http/upstream.ts';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';
import { turn } from '../wait.ts';

const MAX_GROWTH = 64e6;
/** Allowed memory of a gateway per unread response, in bytes. */
const MAX_PER_RESPONSE = 1.5e6;
/** Requests of each client that reads nothing: fewer in all than there are connections to the upstream. */
const PIPELINED = 3;
const DEAF_CLIENTS = 32;
const GOOD_MS = 1_000;

/** Findings of one part, and the growth of its subject, in bytes. */
interface Deaf {
  readonly grown: number;
  readonly why: readonly string[];
  readonly late: readonly string[];
}

const grewTooMuch = (who: string, grown: number, limit = MAX_GROWTH): string[] =>
  grown > limit ? [`the ${who} grew by ${Math.round(grown / 1e6)} MB`] : [];

async function manyQuestions(session: TrackedSession, count: number): Promise<Promise<Outcome>[]> {
  const questions: Promise<Outcome>[] = [];
  for (let at = 0; at < count; at++) {
    questions.push(session.ask(headers('/big'), { timeoutMs: 5_000 }));
    if (at % 16 === 15) await turn();
  }
  return questions;
}

/** A proxy asks an agent for large answers, and reads none of them. */
async function proxyThatReadsNothing(cell: Cell): Promise<Deaf> {
  cell.progress('a proxy reads nothing');
  const agent = await cell.agent('http');
  const relay = await cell.relay(agent.endpoint);
  const deaf = await cell.session(relay.endpoint, { keepalive: false });
  const beside = await cell.session(agent.endpoint);
  const count = cell.quick ? 6_000 : 20_000;
  // the same load, read, comes first: growth is then what was not read, and not the heap finding its size
  await Promise.all(await manyQuestions(beside, count));
  const before = residentBytes(agent.child.pid);
  relay.last?.stopReading('agent');
  const questions = await manyQuestions(deaf, count);
  let slowest = 0;
  let grown = 0;
  for (let at = 0; at < 20; at++) {
    const since = monotonicMs();
    const { error } = await beside.ask(headers('/'), { timeoutMs: 5_000 });
    slowest = Math.max(slowest, monotonicMs() - since);
    grown = Math.max(grown, residentBytes(agent.child.pid) - before);
    if (error !== undefined) return { grown, why: [`another proxy got ${error.code}`], late: [] };
    await sleep(25);
  }
  relay.last?.destroy();
  await deaf.closed;
  await Promise.all(questions);
  const late = slowest > GOOD_MS ? [`another proxy was answered after ${inMs(slowest)}`] : [];
  return { grown, why: grewTooMuch('agent', grown), late };
}

/** An agent pings the pool of a gateway without end, and reads no pong. */
async function agentThatReadsNothing(cell: Cell): Promise<Deaf> {
  cell.progress('an agent reads nothing');
  const agent = await cell.agent('pinger');
  const relay = await cell.relay(agent.endpoint);
  const upstream = await cell.upstream(goodUpstream());
  const gateway = await cell.gateway({
    upstream: upstream.origin,
    agents: [{ name: 'pinger', endpoint: relay.endpoint }],
    pool: { encodings: cell.column.hello.encodings, connectionsPerAgent: 1 },
    gateway: { decisionTimeoutMs: 300 },
  });
  const why: string[] = [];
  const askFor = async (ms: number, beforeEach: () => void, afterEach: () => void): Promise<void> => {
    const until = monotonicMs() + ms;
    while (monotonicMs() < until) {
      beforeEach();
      const { status } = await askOnce(gateway.url, '/', { limitMs: 5_000 });
      if (status < 400) why.push(`a request without a decision got ${status || 'nothing'}`);
      afterEach();
      await sleep(20);
    }
  };
  const nothing = (): void => undefined;
  // an agent that reads comes first, so that growth is not the heap finding its size
  await askFor(cell.quick ? 1_000 : 10_000, nothing, nothing);
  const before = gateway.rssBytes;
  let grown = 0;
  const stopReading = (): void => relay.links.forEach((link) => link.stopReading('proxy'));
  const measure = (): void => void (grown = Math.max(grown, gateway.rssBytes - before));
  await askFor(cell.quick ? 2_000 : 20_000, stopReading, measure);
  for (const link of relay.links) link.destroy();
  return { grown, why: [...new Set([...why, ...grewTooMuch('gateway (towards an agent)', grown)])], late: [] };
}

/** HTTP clients ask for long answers, many on one connection, and read none of them. */
async function clientsThatReadNothing(cell: Cell): Promise<Deaf> {
  cell.progress('clients read nothing');
  const upstream = await cell.upstream(goodUpstream());
  const agent = await cell.agent('http');
  const gateway = await cell.gateway({
    upstream: upstream.origin,
    agents: [{ name: 'http', endpoint: agent.endpoint }],
    pool: { encodings: cell.column.hello.encodings },
  });
  for (let at = 0; at < 20; at++) await askOnce(gateway.url, '/body/long?bytes=4194304');
  const before = gateway.rssBytes;
  const deaf = Array.from({ length: DEAF_CLIENTS }, (_, at) => {
    const socket = dial(gateway.url);
    socket.write(requestText(`${at % 2 === 0 ? '' : '/body'}/long?bytes=33554432`).repeat(PIPELINED));
    return socket;
  });
  const limit = DEAF_CLIENTS * PIPELINED * MAX_PER_RESPONSE;
  const why: string[] = [];
  const late: string[] = [];
  let grown = 0;
  await gateway.settled();
  for (let at = 0; at < (cell.quick ? 10 : 100); at++) {
    const { status, tookMs } = await askOnce(gateway.url, '/good');
    if (status !== 200) why.push(`a good client got ${status || 'nothing'}`);
    if (tookMs > GOOD_MS) late.push(`a good client was answered after ${inMs(tookMs)}`);
    grown = Math.max(grown, gateway.rssBytes - before);
    await sleep(100);
  }
  for (const socket of deaf) socket.destroy();
  return {
    grown,
    why: [...new Set(why), ...grewTooMuch('gateway (towards clients)', grown, limit)],
    late: late.slice(0, 1),
  };
}

async function run(cell: Cell): Promise<Verdict> {
  const gatewayToo = noGateway(cell.column) === undefined;
  const parts = [await proxyThatReadsNothing(cell)];
  if (gatewayToo) parts.push(await agentThatReadsNothing(cell), await clientsThatReadNothing(cell));
  const figures = parts.map(
    ({ grown }, at) => `${['agent', 'pool', 'gateway'][at]} +${Math.max(0, Math.round(grown / 1e6))} MB`,
  );
  return verdict(
    figures.join(', '),
    parts.flatMap(({ why }) => why),
    parts.flatMap(({ late }) => late),
  );
}

/** A peer that reads nothing of what is sent to it; R6 from the other side. */
export const deaf: Row = {
  id: 'G9',
  fault: 'peer that reads nothing towards agent, pool and gateway',
  must: 'each grows by 64 MB at most, the gateway by 1.5 MB for each response that a client does not read; others are answered',
  patience: 4,
  run,
};
