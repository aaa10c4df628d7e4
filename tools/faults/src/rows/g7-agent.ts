import { createServer, type ServerResponse } from 'node:http';
import type { Cell } from '../cell/cell.ts';
import { inMs } from '../figures.ts';
import { noGateway } from '../http/columns.ts';
import { askOnce, dial, readAnswer, requestText, type Seen } from '../http/raw-http.ts';
import { serve, type Upstream } from '../http/upstream.ts';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';
import { waitUntil } from '../wait.ts';
import { AgentFaults, FAULTS, type FaultName } from './g7-faults.ts';

const DECISION_MS = 500;
const BACK_MS = 10_000;

/** An upstream that holds a response half sent, and keeps what came of requests. */
interface HalfWay extends Upstream {
  /** Request body bytes, in any state. */
  text: string;
  whole: number;
  readonly responses: ServerResponse[];
}

async function halfWay(): Promise<HalfWay> {
  const seen = { text: '', whole: 0, responses: [] as ServerResponse[] };
  const server = createServer((request, response) => {
    request.on('data', (part: Buffer) => (seen.text += part.toString('latin1'))).on('error', () => undefined);
    request.on('end', () => {
      if (request.method === 'POST') seen.whole += 1;
      if (request.url?.startsWith('/body/response') !== true) return void response.end('good');
      response.write('first');
      seen.responses.push(response);
    });
  });
  return Object.assign(seen, await serve(server));
}

/** Sends half an upload, lets the fault happen, and sends the half that must not pass. */
async function upload(url: string, faults: AgentFaults, name: FaultName, upstream: HalfWay): Promise<string[]> {
  [upstream.text, upstream.whole] = ['', 0];
  const socket = dial(url);
  const path = `/body/request?${name === 'late' ? `chunkms=${4 * DECISION_MS}` : ''}`;
  socket.write(`${requestText(path, ['Connection: close', 'Transfer-Encoding: chunked'], 'POST')}5\r\nfirst\r\n`);
  if (!(await waitUntil(() => upstream.text.includes('first'), 5_000))) return ['the first chunk did not get through'];
  await faults.begin(name);
  const answer = readAnswer(socket, DECISION_MS + 5_000);
  socket.write('4\r\nevil\r\n0\r\n\r\n');
  const { status, over } = await answer;
  socket.destroy();
  const found: string[] = [];
  if (!over && status === 0) found.push('the client got no answer');
  if (status >= 200 && status < 400) found.push(`it was allowed: the client got ${status}`);
  if (upstream.text.includes('evil')) found.push('what was not decided reached the upstream');
  if (upstream.whole > 0) found.push('the upstream got the request as a whole one');
  return found;
}

/** Lets the fault happen in the middle of a response, and sends the half that must not pass. */
async function download(url: string, faults: AgentFaults, name: FaultName, upstream: HalfWay): Promise<string[]> {
  upstream.responses.length = 0;
  const path = `/body/response?${name === 'late' ? `chunkms=${4 * DECISION_MS}` : ''}`;
  const socket = dial(url);
  socket.write(requestText(path, ['Connection: close']));
  let text = '';
  const answer: Promise<Seen> = readAnswer(socket, DECISION_MS + 8_000);
  socket.on('data', (part: Buffer) => (text += part.toString('latin1')));
  if (!(await waitUntil(() => text.includes('first'), 5_000))) return ['the first chunk did not get through'];
  await faults.begin(name);
  upstream.responses[0]?.end('secret');
  const { over } = await answer;
  socket.destroy();
  const found: string[] = [];
  if (!over) found.push('the response did not end');
  if (text.includes('secret')) found.push('what was not decided reached the client');
  if (text.endsWith('\r\n0\r\n\r\n')) found.push('the client got the response as a whole one');
  return found;
}

async function run(cell: Cell): Promise<Verdict> {
  const upstream = await cell.upstream(halfWay());
  const faults = await AgentFaults.start(cell);
  const gateway = await cell.gateway({
    upstream: upstream.origin,
    agents: [{ name: 'http', endpoint: faults.endpoint }],
    pool: { encodings: cell.column.hello.encodings },
    gateway: { decisionTimeoutMs: DECISION_MS },
  });
  const why: string[] = [];
  let slowest = 0;
  let played = 0;
  for (let round = 0; round < (cell.quick ? 1 : 10); round++) {
    for (const name of FAULTS) {
      for (const [what, play] of [
        ['upload', upload],
        ['download', download],
      ] as const) {
        cell.progress(`${name} in the middle of an ${what}`);
        played += 1;
        const found = await play(gateway.url, faults, name, upstream);
        why.push(...found.map((text) => `${name}, ${what}: ${text}`));
        await faults.end(name);
        const since = monotonicMs();
        let status = 0;
        while (status !== 200 && monotonicMs() - since < BACK_MS) status = (await askOnce(gateway.url, '/good')).status;
        slowest = Math.max(slowest, monotonicMs() - since);
        if (status !== 200) return verdict('lost', [...why, `${name}, ${what}: no request gets through afterwards`]);
      }
    }
  }
  return verdict(`${played} faults, back in ${inMs(slowest)}`, [...new Set(why)]);
}

/** An agent that fails in the middle of a body. */
export const agentMidBody: Row = {
  id: 'G7',
  fault: 'agent killed, stopped, late, cut off or hostile mid-body, request and response',
  must: 'never an allow; the client is answered or cut; requests get through again within 10 s',
  notApplicable: noGateway,
  patience: 4,
  run,
};
