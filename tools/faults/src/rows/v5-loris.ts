import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { certificates } from '../../../../packages/transport-uds/test/certificates/certificates.ts';
import type { Cell } from '../cell/cell.ts';
import { inMs } from '../figures.ts';
import { monotonicMs } from '../now.ts';
import { netAddress } from '../relay/relay.ts';
import { onlyReverse, register, startProxy, transportOf } from '../reverse/proxy.ts';
import { type Row, type Verdict, verdict } from '../row.ts';
import { waitUntil } from '../wait.ts';

const CONNECTIONS = 500;
const GOOD_MS = 200;
/** Handshakes that a listener has pending at a time. */
const PENDING = 64;
const SLACK_MS = 1_000;
/** The beginning of a TLS record with a handshake in it. */
const TLS_HELLO = Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]);
const REGISTRATION = Buffer.concat([
  Buffer.from([0, 0, 2, 0, 1]),
  Buffer.from('{"protocol_version":2,"agent_id":"a-1"'),
]);

async function run(cell: Cell): Promise<Verdict> {
  const deadlineMs = cell.quick ? 1_000 : 10_000;
  const proxy = await startProxy(cell, { handshakeTimeoutMs: deadlineMs });
  const where = netAddress(proxy.address);
  const yardstick = await cell.yardstick();
  const raw = (): Socket => connect(where);
  const overTls = (): Socket => connectTls({ ...certificates, ...where } as ConnectionOptions);
  const kinds: readonly (readonly [string, number, () => Socket, Buffer])[] = [
    ['silence', CONNECTIONS, raw, Buffer.alloc(0)],
    ...(cell.column.reverse === 'tls'
      ? ([
          ['TLS hello', CONNECTIONS, raw, TLS_HELLO],
          ['registration', 100, overTls, REGISTRATION],
        ] as const)
      : ([['registration', CONNECTIONS, raw, REGISTRATION]] as const)),
  ];
  const why: string[] = [];
  const late: string[] = [];
  let [worst, worstGood] = [0, 0];
  for (const [name, count, open, bytes] of kinds) {
    cell.progress(name);
    const over = new Set<Socket>();
    let connected = 0;
    const sockets = Array.from({ length: count }, () => {
      const socket = open();
      socket.on('error', () => undefined).resume();
      socket.on('close', () => over.add(socket)).on('connect', () => (connected += 1));
      return socket;
    });
    let sent = 0;
    const trickle = setInterval(() => {
      if (bytes.length === 0) return;
      const unit = bytes.subarray(sent % bytes.length, (sent % bytes.length) + 1);
      sent += 1;
      for (const socket of sockets) if (socket.writable) socket.write(unit);
    }, 1_000);
    // past maxPendingHandshakes each new one evicts the oldest
    await waitUntil(() => connected >= count && over.size >= count - PENDING, 10_000);
    const since = monotonicMs();
    await sleep(deadlineMs / 4);
    const asked = monotonicMs();
    const good = await register(transportOf(cell.column), proxy.address, 'a-1');
    const goodMs = monotonicMs() - asked;
    good.abort();
    worstGood = Math.max(worstGood, goodMs);
    // a registration is about ten waits, of which each may be as long as the longest
    if (goodMs > GOOD_MS + 10 * (await yardstick.worst(asked, asked + goodMs)))
      late.push(`${name}: a good agent took ${inMs(goodMs)}`);
    await waitUntil(() => over.size === count, deadlineMs + SLACK_MS + 5_000, 10);
    clearInterval(trickle);
    const tookMs = monotonicMs() - since;
    worst = Math.max(worst, tookMs);
    if (over.size < count) why.push(`${name}: ${count - over.size} of ${count} are still open after ${inMs(tookMs)}`);
    else if (tookMs > (await yardstick.allows(deadlineMs + SLACK_MS, since)))
      late.push(`${name}: the last one was closed after ${inMs(tookMs)}`);
    for (const socket of sockets) socket.destroy();
  }
  return verdict(`closed in ${inMs(worst)}, good in ${inMs(worstGood)}`, why, late);
}

/** Peers that register a byte a second. */
export const slowRegistrations: Row = {
  id: 'V5',
  fault: '500 peers that register at 1 byte/s, or say nothing',
  must: 'closed within the handshake deadline + 1 s; a good agent registers within 200 ms meanwhile',
  notApplicable: onlyReverse,
  run,
};
