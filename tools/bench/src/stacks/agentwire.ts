import { type Agent, serveAgent } from '@agentwire/agent';
import { FEATURES, type Hello, type Transport } from '@agentwire/core';
import { connectSession, type ProxySession } from '@agentwire/core/session';
import { AgentPool, type Question } from '@agentwire/pool';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { createUdsTransport } from '@agentwire/transport-uds';
import { createWebSocketTransport } from '@agentwire/transport-websocket';
import {
  bodyAgent,
  constantAgent,
  frameAgent,
  freeingAgent,
  responseAgent,
  responseBodyAgent,
  variedAgent,
} from './agents.ts';
import type { Stack, StackClient, StackServer } from './stack.ts';
import { eventOf } from './workload.ts';

/** Settings that distinguish the stacks of agentwire. */
interface Choice {
  readonly name: string;
  readonly medium: 'uds' | 'grpc' | 'websocket' | 'memory';
  readonly encoding?: 'json' | 'msgpack';
  readonly dialect?: 'documented' | 'zentinel';
  readonly agent?: Agent;
  readonly connections?: number;
  readonly client?: (sessions: readonly ProxySession[]) => StackClient['ask'];
}

const memory = createMemoryTransport();
/** Exchanges of one session; more than any row has in flight on one connection. */
const MAX_IN_FLIGHT = 16_384;
/** Ids of a pool's requests for each in flight: one that a slow connection still has must not come round again. */
const IDS_PER_REQUEST = 6;
const CHUNKS_PER_BODY = 16;
/** Length of a chunk of the rows about bodies, in bytes. */
const CHUNK_BYTES = 64 * 1024;

function transportOf({ medium, dialect }: Choice): Transport {
  if (medium === 'memory') return memory;
  if (medium === 'websocket') return createWebSocketTransport();
  return medium === 'grpc' ? createGrpcTransport() : createUdsTransport(dialect === undefined ? {} : { dialect });
}

function hello(encoding: Choice['encoding']): Hello {
  const encodings = encoding === undefined ? ['msgpack', 'json'] : [encoding];
  return { role: 'proxy', name: 'agentwire-bench', version: '0', features: FEATURES, encodings };
}

/** The session with the fewest unanswered questions: in turn, one that is slow for a moment would gather them all. */
function leastBusy(sessions: readonly ProxySession[]): ProxySession {
  return sessions.reduce((best, one) => (one.pending < best.pending ? one : best));
}

function askLeastBusy(sessions: readonly ProxySession[]): StackClient['ask'] {
  const [only] = sessions;
  if (sessions.length === 1 && only !== undefined) return (n) => only.request(eventOf(n));
  return (n) => leastBusy(sessions).request(eventOf(n));
}

/** One question is one body of 1 MiB in sixteen chunks, all of them on their way at once. */
function askWithBodies(sessions: readonly ProxySession[]): StackClient['ask'] {
  const data = Buffer.alloc(CHUNK_BYTES, 'a body that compresses well, were it compressed. ');
  return async (n) => {
    const exchange = leastBusy(sessions).open();
    try {
      await exchange.ask({ ...eventOf(n), hasBody: true });
      const asked = Array.from({ length: CHUNKS_PER_BODY }, (_, index) =>
        exchange.ask({ type: 'requestBodyChunk', index, data, last: index === CHUNKS_PER_BODY - 1 }),
      );
      await Promise.all(asked);
    } finally {
      exchange.end();
    }
  };
}

function sessionStack(choice: Choice): Stack {
  const { name, medium, agent = constantAgent, connections = 1, client = askLeastBusy } = choice;
  const transport = transportOf(choice);
  const serve = async (where: string): Promise<StackServer> => {
    const server = await serveAgent(agent, { transports: [transport], listen: [where] });
    return { address: server.endpoints[0] ?? where, close: () => server.close() };
  };
  const connect = async (address: string): Promise<StackClient> => {
    const server = medium === 'memory' ? await serve('memory:bench') : undefined;
    const at = server?.address ?? address;
    const options = { self: hello(choice.encoding), maxInFlight: MAX_IN_FLIGHT };
    const sessions = await Promise.all(
      Array.from({ length: connections }, () => connectSession(transport, at, options)),
    );
    const close = async (): Promise<void> => {
      await Promise.all(sessions.map((session) => session.close()));
      await server?.close();
    };
    return { ask: client(sessions), close };
  };
  const scheme = { uds: '', grpc: 'grpc://', websocket: 'ws://', memory: '' }[medium];
  return {
    name,
    place: medium === 'uds' || medium === 'memory' ? medium : 'tcp',
    serve: (where) => serve(`${scheme}${where}`),
    connect,
  };
}

function poolStack(name: string, connections: number): Stack {
  const session = sessionStack({ name, medium: 'uds', encoding: 'msgpack' });
  return {
    ...session,
    async connect(address, inFlight) {
      const pool = new AgentPool({
        transports: [createUdsTransport()],
        connectionsPerAgent: connections,
        maxConcurrentPerConnection: MAX_IN_FLIGHT,
      });
      await pool.addAgent('bench', address);
      // the pool takes events with the caller's own ids, which a caller has made before it asks
      const ids = Math.max(1_024, inFlight * IDS_PER_REQUEST);
      const questions = Array.from({ length: ids }, (_, n) => ({ ...eventOf(n), id: n }));
      const questionOf = (n: number): Question => questions[n % ids] as Question;
      return { ask: (n) => pool.request('bench', questionOf(n)), close: () => pool.close() };
    },
  };
}

/** The stacks of this repository, through its public API. */
export const AGENTWIRE_STACKS: readonly Stack[] = [
  sessionStack({ name: 'uds-msgpack', medium: 'uds', encoding: 'msgpack', dialect: 'documented' }),
  sessionStack({ name: 'uds-json', medium: 'uds', encoding: 'json', dialect: 'documented' }),
  sessionStack({ name: 'zentinel-msgpack', medium: 'uds', encoding: 'msgpack', dialect: 'zentinel' }),
  sessionStack({ name: 'zentinel-json', medium: 'uds', encoding: 'json', dialect: 'zentinel' }),
  sessionStack({ name: 'grpc', medium: 'grpc' }),
  sessionStack({ name: 'websocket-msgpack', medium: 'websocket', encoding: 'msgpack' }),
  sessionStack({ name: 'memory', medium: 'memory' }),
  sessionStack({
    name: 'uds-msgpack-varied',
    medium: 'uds',
    encoding: 'msgpack',
    dialect: 'documented',
    agent: variedAgent,
  }),
  sessionStack({ name: 'uds-json-varied', medium: 'uds', encoding: 'json', dialect: 'documented', agent: variedAgent }),
  sessionStack({
    name: 'zentinel-msgpack-varied',
    medium: 'uds',
    encoding: 'msgpack',
    dialect: 'zentinel',
    agent: variedAgent,
  }),
  sessionStack({
    name: 'zentinel-json-varied',
    medium: 'uds',
    encoding: 'json',
    dialect: 'zentinel',
    agent: variedAgent,
  }),
  sessionStack({ name: 'grpc-varied', medium: 'grpc', agent: variedAgent }),
  sessionStack({ name: 'memory-varied', medium: 'memory', agent: variedAgent }),
  poolStack('pool-uds-msgpack', 1),
  poolStack('pool-uds-msgpack-4', 4),
  sessionStack({ name: 'uds-msgpack-4', medium: 'uds', encoding: 'msgpack', dialect: 'documented', connections: 4 }),
  sessionStack({
    name: 'uds-msgpack-chunks',
    medium: 'uds',
    encoding: 'msgpack',
    dialect: 'documented',
    agent: bodyAgent,
    client: askWithBodies,
  }),
  sessionStack({
    name: 'uds-msgpack-chunks-freed',
    medium: 'uds',
    encoding: 'msgpack',
    dialect: 'documented',
    agent: freeingAgent,
    client: askWithBodies,
  }),
  // for the rows about HTTP
  sessionStack({ name: 'uds-msgpack-responses', medium: 'uds', agent: responseAgent }),
  sessionStack({ name: 'uds-msgpack-response-chunks', medium: 'uds', agent: responseBodyAgent }),
  sessionStack({ name: 'uds-msgpack-frames', medium: 'uds', agent: frameAgent }),
  sessionStack({ name: 'grpc-chunks', medium: 'grpc', agent: bodyAgent, client: askWithBodies }),
];
