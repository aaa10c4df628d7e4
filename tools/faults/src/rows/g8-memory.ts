import { setTimeout as sleep } from 'node:timers/promises';
import { playEnding } from '../../../../packages/gateway/test/support/ending-client.ts';
import { randomOf, serveEndings } from '../../../../packages/gateway/test/support/ending-server.ts';
import { ENDINGS } from '../../../../packages/gateway/test/support/upstream-endings.ts';
import type { AgentProcess } from '../agents/agent-process.ts';
import type { Cell } from '../cell/cell.ts';
import { noGateway } from '../http/columns.ts';
import { type GatewayProcess, residentBytes } from '../http/gateway-process.ts';
import { askOnce, dial, requestText } from '../http/raw-http.ts';
import { monotonicMs } from '../now.ts';
import { type Row, type Verdict, verdict } from '../row.ts';

/** Allowed growth of a warm process, in bytes. */
const MAX_GROWTH = 64e6;

/** Load while memory is measured. */
interface Abuse {
  readonly name: string;
  /** One round of it. */
  round(gateway: GatewayProcess, number: number): Promise<unknown>;
}

async function holdOpen(url: string, texts: readonly string[], forMs: number): Promise<void> {
  const sockets = texts.map((text) => {
    const socket = dial(url);
    socket.write(text);
    return socket;
  });
  await sleep(forMs);
  for (const socket of sockets) socket.destroy();
}

const ABUSES: readonly Abuse[] = [
  {
    name: 'upstream endings',
    round: ({ url }, number) => {
      const random = randomOf(number);
      const prefix = ['', '/head', '/body'][number % 3];
      return Promise.all(ENDINGS.map((_ending, at) => playEnding(`${url}${prefix}`, at, 'slow', random)));
    },
  },
  {
    name: 'clients that stall and leave',
    round: ({ url }) => {
      const stalls = [
        'GET / HTTP/1.1\r\nHost: fa',
        `${requestText('/body/0/400000/1', ['Transfer-Encoding: chunked'], 'POST')}4\r\nsome\r\n`,
        requestText('/body/0/400000/1'),
        requestText('/0/400000/1').repeat(20),
      ];
      return holdOpen(
        url,
        Array.from({ length: 64 }, (_, at) => stalls[at % stalls.length] ?? ''),
        100,
      );
    },
  },
  {
    name: 'admin flood',
    round: ({ admin }) => {
      const texts = [
        'GET //:99999/ HTTP/1.1\r\nHost: a\r\n\r\n',
        'GET /debug/state HTTP/1.1\r\nHost: localhost\r\n\r\n',
      ];
      return holdOpen(
        admin,
        Array.from({ length: 32 }, (_, at) => (texts[at % 2] ?? '').repeat(20)),
        50,
      );
    },
  },
  {
    name: 'blocks and late decisions',
    round: ({ url }) =>
      Promise.all([
        ...Array.from({ length: 20 }, () => askOnce(url, '/big')),
        ...Array.from({ length: 20 }, () => askOnce(url, '/late?ms=400')),
        ...Array.from({ length: 20 }, () => askOnce(url, '/', { headers: ['x-evil: 1'] })),
      ]),
  },
];

/** Does `abuse` for a while. @returns by how much gateway and agent grew after the first third of it, in bytes */
async function growth(
  abuse: Abuse,
  gateway: GatewayProcess,
  agent: AgentProcess,
  forMs: number,
): Promise<readonly [number, number]> {
  const since = monotonicMs();
  let warm: readonly [number, number] | undefined;
  for (let number = 0; monotonicMs() - since < forMs; number++) {
    await abuse.round(gateway, number);
    if (warm === undefined && monotonicMs() - since > forMs / 3)
      warm = [gateway.rssBytes, residentBytes(agent.child.pid)];
  }
  const [first = 0, second = 0] = warm ?? [];
  return [gateway.rssBytes - first, residentBytes(agent.child.pid) - second];
}

async function run(cell: Cell): Promise<Verdict> {
  const forMs = cell.quick ? 1_500 : 60_000;
  const endings = await serveEndings();
  const upstream = await cell.upstream(Promise.resolve({ ...endings, close: async () => endings.close() }));
  const agent = await cell.agent('http');
  const gateway = await cell.gateway({
    upstream: upstream.origin,
    agents: [{ name: 'http', endpoint: agent.endpoint }],
    pool: { encodings: cell.column.hello.encodings },
    gateway: { decisionTimeoutMs: 200 },
  });
  const why: string[] = [];
  const most = [0, 0];
  for (const abuse of ABUSES) {
    cell.progress(`memory: ${abuse.name}`);
    const grown = await growth(abuse, gateway, agent, forMs);
    for (const [at, who] of ['gateway', 'agent'].entries()) {
      const bytes = grown[at] ?? 0;
      most[at] = Math.max(most[at] ?? 0, bytes);
      if (bytes > MAX_GROWTH) why.push(`${abuse.name}: the ${who} grew by ${Math.round(bytes / 1e6)} MB`);
    }
  }
  const [gatewayMb, agentMb] = most.map((bytes) => Math.round(bytes / 1e6));
  return verdict(`gateway +${gatewayMb} MB, agent +${agentMb} MB`, why);
}

/** Memory while all of this goes on for a minute each. */
export const memory: Row = {
  id: 'G8',
  fault: '60 s each of endings, stalls, admin floods, blocks and late decisions',
  must: 'gateway and agent grow by 64 MB at most once they are warm',
  notApplicable: noGateway,
  patience: 4,
  run,
};
