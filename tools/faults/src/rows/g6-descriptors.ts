import { setTimeout as sleep } from 'node:timers/promises';
import type { Cell } from '../cell/cell.ts';
import { inMs } from '../figures.ts';
import { onlyOnce } from '../http/columns.ts';
import { askOnce, dial, readAnswer, requestText } from '../http/raw-http.ts';
import { goodUpstream } from '../http/upstream.ts';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const DESCRIPTORS = 64;
const HOLDERS = 200;
const BACK_MS = 5_000;

async function run(cell: Cell): Promise<Verdict> {
  const upstream = await cell.upstream(goodUpstream());
  const agent = await cell.agent('http');
  const gateway = await cell.gateway({
    upstream: upstream.origin,
    agents: [{ name: 'http', endpoint: agent.endpoint }],
    maxDescriptors: DESCRIPTORS,
  });
  const why: string[] = [];
  const before = await askOnce(gateway.url, '/good');
  if (before.status !== 200) why.push(`the first request got ${before.status || 'nothing'}`);
  const idleCount = gateway.descriptors;
  let backMs = 0;
  let most = 0;
  for (let round = 0; round < (cell.quick ? 2 : 10); round++) {
    const kept = dial(gateway.url);
    kept.write(requestText('/good'));
    const isWhole = (text: string): boolean => text.includes('upstream saw');
    await readAnswer(kept, 5_000, isWhole);
    const holders = Array.from({ length: HOLDERS }, () => {
      const socket = dial(gateway.url).resume();
      socket.write('GET / HTTP/1.1\r\n');
      return socket;
    });
    await sleep(300);
    most = Math.max(most, gateway.descriptors);
    // with or without an upstream's connection to be had: it is answered
    kept.write(requestText('/good'));
    const { status } = await readAnswer(kept, 8_000, (text) => text.includes('\r\n\r\n'));
    if (status === 0) why.push('a client that was connected before got no answer');
    for (const socket of [...holders, kept]) socket.destroy();
    const since = monotonicMs();
    let answer = await askOnce(gateway.url, '/good', { limitMs: 1_000 });
    while (answer.status !== 200 && monotonicMs() - since < BACK_MS)
      answer = await askOnce(gateway.url, '/good', { limitMs: 1_000 });
    backMs = Math.max(backMs, monotonicMs() - since);
    if (answer.status !== 200)
      why.push(`${inMs(BACK_MS)} after they were given back a request gets ${answer.status || 'nothing'}`);
  }
  if (most < DESCRIPTORS - 4) why.push(`only ${most} of ${DESCRIPTORS} descriptors were taken`);
  await sleep(200);
  const left = gateway.descriptors - idleCount;
  if (left > 4) why.push(`${left} descriptors more than before are open`);
  return verdict(`${most} of ${DESCRIPTORS} taken, back in ${inMs(backMs)}`, why);
}

/** No descriptor is left, then they are given back. */
export const descriptors: Row = {
  id: 'G6',
  fault: 'descriptors exhausted (ulimit -n 64) and back',
  must: 'the gateway lives, answers who is connected, and everybody once there are some again',
  notApplicable: onlyOnce,
  patience: 4,
  run,
};
