import { CLIENTS, playEnding } from '../../../../packages/gateway/test/support/ending-client.ts';
import { randomOf, serveEndings } from '../../../../packages/gateway/test/support/ending-server.ts';
import { ENDINGS } from '../../../../packages/gateway/test/support/upstream-endings.ts';
import type { Cell } from '../cell/cell.ts';
import { grouped } from '../figures.ts';
import { noGateway } from '../http/columns.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

const SEED = 1;

async function run(cell: Cell): Promise<Verdict> {
  const rounds = cell.quick ? 1 : 100;
  const endings = await serveEndings();
  const upstream = await cell.upstream(Promise.resolve({ ...endings, close: async () => endings.close() }));
  const agent = await cell.agent('http');
  const settings = { upstream: upstream.origin, pool: { encodings: cell.column.hello.encodings } };
  const bare = await cell.gateway(settings);
  const judged = await cell.gateway({ ...settings, agents: [{ name: 'http', endpoint: agent.endpoint }] });
  const urls = { none: bare.url, head: `${judged.url}/head`, body: `${judged.url}/body` };
  const why: string[] = [];
  let played = 0;
  for (let round = 0; round < rounds && why.length < 10; round++) {
    for (const [reads, url] of Object.entries(urls)) {
      for (const client of CLIENTS) {
        const random = randomOf(SEED * 1000 + round);
        const faults = await Promise.all(ENDINGS.map((_ending, at) => playEnding(url, at, client, random)));
        played += faults.length;
        for (const fault of faults) if (fault !== undefined) why.push(`agent ${reads}, round ${round}: ${fault}`);
      }
    }
    if (round % 10 === 9) cell.progress(`round ${round + 1}`);
  }
  return verdict(`${ENDINGS.length} shapes, ${grouped(played)} played`, why);
}

/** Every way in which an upstream can end, in front of every kind of agent and client. */
export const endings: Row = {
  id: 'G1',
  fault: 'upstream endings × agent none/head/body × client fast/slow/gone',
  must: 'the client sees the whole body or a failure, never less that passes for whole; the gateway lives',
  notApplicable: noGateway,
  patience: 4,
  run,
};
