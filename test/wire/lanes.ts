import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import {
  FEATURES,
  type Connection,
  type Decision,
  type Hello,
  type Message,
  type ProxyEvent,
  type Received,
  type Transport,
} from '@agentwire/core';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { createUdsTransport } from '@agentwire/transport-uds';
import { AgentClient, versionOne } from 'agentwire/v1';

/** Distributes over the kinds of event. */
type WithoutId<T> = T extends ProxyEvent ? Omit<T, 'id'> : never;
/** An event without what routes it. */
export type EventBody = WithoutId<ProxyEvent>;

/** One way from a proxy to an agent and back. */
export interface Lane {
  readonly name: string;
  /** Sends an event and gives what arrives. @throws where it cannot be sent or read */
  event(body: EventBody): Promise<Message>;
  /** Sends a decision and gives what arrives. @throws where it cannot be sent or read */
  decision(decision: Decision): Promise<Decision>;
  close(): Promise<void>;
}

const CAPABILITIES = {
  agentId: 'waf-1',
  events: [
    'requestHeaders',
    'requestBodyChunk',
    'responseHeaders',
    'responseBodyChunk',
    'requestComplete',
    'webSocketFrame',
    'guardrailInspect',
    'configure',
  ],
  streaming: true,
  cancellation: true,
  flowControl: true,
  healthReporting: true,
  metricsExport: true,
  configPush: true,
  maxConcurrentRequests: 100,
  maxBodyBytes: 1_000_000,
  preferredChunkBytes: 65_536,
} as const;
const hello = (role: 'proxy' | 'agent', encoding: string): Hello => ({
  role,
  name: role,
  version: '1',
  features: FEATURES,
  encodings: [encoding],
  ...(role === 'agent' && { capabilities: CAPABILITIES }),
});

/** Messages that a side received; a reader waits for the next. */
class Inbox {
  connection: Connection | undefined;
  #next = Promise.withResolvers<Received>();

  readonly attach = (connection: Connection): { onMessage: (message: Received) => void; onClose: () => void } => {
    this.connection = connection;
    return {
      onMessage: (message) => this.#next.resolve(message),
      onClose: () => this.#next.reject(new Error('the connection ended')),
    };
  };

  /** The message that `send` makes arrive. */
  async after(send: () => void): Promise<Message> {
    this.#next = Promise.withResolvers();
    send();
    const message = await this.#next.promise;
    if (message.type === 'malformed') throw message.error;
    return message;
  }
}

async function connectionLane(name: string, transport: Transport, address: string, encoding = 'json'): Promise<Lane> {
  const agent = new Inbox();
  const proxy = new Inbox();
  const listener = await transport.listen(address, { self: hello('agent', encoding), onConnection: agent.attach });
  const toAgent = await transport.connect(listener.address, {
    self: hello('proxy', encoding),
    onConnection: proxy.attach,
  });
  const id = toAgent.peer.ids === 'number' ? 7 : 'wire-7';
  return {
    name,
    event: (body) => agent.after(() => void toAgent.send({ ...body, id })),
    async decision(decision) {
      const answer = await proxy.after(() => void agent.connection?.send({ type: 'answer', id, decision }));
      if (answer.type !== 'answer') throw new Error(`${answer.type} arrived instead of an answer`);
      return answer.decision;
    },
    async close() {
      toAgent.abort();
      await listener.close();
    },
  };
}

/** Version 1 answers each event, so a decision is the answer to a head. */
async function versionOneLane(path: string): Promise<Lane> {
  let arrived: Received | undefined;
  let answer: Decision = { verdict: { type: 'allow' } };
  const listener = await createUdsTransport({ versionOne }).listen(`unix:${path}`, {
    self: hello('agent', 'json'),
    onConnection: (connection) => ({
      onMessage(message) {
        arrived = message;
        const { id } = message as { readonly id: string };
        connection.send({ type: 'answer', id, decision: answer });
      },
      onClose: () => undefined,
    }),
  });
  const client = await AgentClient.unixSocket(path);
  const ask = (body: EventBody): Promise<Decision> => client.sendEvent({ ...body, id: 'wire-7' });
  return {
    name: 'version 1',
    async event(body) {
      answer = { verdict: { type: 'allow' } };
      await ask(body);
      if (arrived === undefined || arrived.type === 'malformed') throw arrived?.error ?? new Error('nothing arrived');
      return arrived;
    },
    decision(decision) {
      answer = decision;
      return ask({ type: 'responseHeaders', status: 200, headers: [] });
    },
    async close() {
      await client.close();
      await listener.close();
    },
  };
}

/** Every way that a message can take, open. */
export async function openLanes(): Promise<readonly Lane[]> {
  const folder = mkdtempSync(`${tmpdir()}/aw-wire-`);
  const uds = (dialect: 'documented' | 'zentinel', encoding: string): Promise<Lane> =>
    connectionLane(
      `${dialect} ${encoding}`,
      createUdsTransport({ dialect }),
      `unix:${folder}/${dialect}-${encoding}.sock`,
      encoding,
    );
  const lanes = await Promise.all([
    connectionLane('memory', createMemoryTransport(), 'memory:table'),
    uds('documented', 'json'),
    uds('documented', 'msgpack'),
    uds('zentinel', 'json'),
    uds('zentinel', 'msgpack'),
    connectionLane('gRPC', createGrpcTransport(), 'grpc://127.0.0.1:0'),
    versionOneLane(`${folder}/v1.sock`),
  ]);
  return lanes.map((lane, index) =>
    index > 0
      ? lane
      : {
          ...lane,
          async close() {
            await lane.close();
            rmSync(folder, { recursive: true, force: true });
          },
        },
  );
}
