import { once } from 'node:events';
import { createServer } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type ConnectRouter, createClient } from '@connectrpc/connect';
import { connectNodeAdapter, createGrpcTransport } from '@connectrpc/connect-node';
import {
  AgentServiceV2,
  AgentToProxySchema,
  type AgentToProxy,
  type ProxyToAgent,
  ProxyToAgentSchema,
} from '../../../../packages/transport-grpc/src/gen/zentinel/agent/v2/agent_pb.ts';
import { closeServer } from '../raw/frames.ts';
import { protobufEvent } from './protobuf-event.ts';
import type { Stack } from './stack.ts';
import { eventOf } from './workload.ts';

const TIMESTAMP_MS = 1_750_000_000_000n;

function answerTo({ message }: ProxyToAgent): AgentToProxy {
  const correlationId = message.case === 'requestHeaders' ? (message.value.metadata?.correlationId ?? '') : '';
  return create(AgentToProxySchema, {
    message: {
      case: 'response',
      value: {
        correlationId,
        decision: { case: 'allow', value: {} },
        requestHeaders: [{ operation: { case: 'set', value: { name: 'x-agent', value: 'allow' } } }],
        audit: { tags: ['seen'] },
      },
    },
  });
}

async function* answers(questions: AsyncIterable<ProxyToAgent>): AsyncIterable<AgentToProxy> {
  for await (const question of questions) yield answerTo(question);
}

/** A queue that a stream of questions is read from. */
class Questions {
  readonly #queue: ProxyToAgent[] = [];
  #wake: (() => void) | undefined;
  #ended = false;

  push(question: ProxyToAgent): void {
    this.#queue.push(question);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<ProxyToAgent> {
    for (;;) {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) yield next;
      if (this.#ended) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

/** Yardstick: `@connectrpc/connect-node` with protobuf-es, gRPC, one stream in both directions, TCP in the clear. */
export const connectNode: Stack = {
  name: 'connect-node',
  place: 'tcp',
  async serve(where) {
    const routes = (router: ConnectRouter): ConnectRouter => router.service(AgentServiceV2, { processStream: answers });
    const server = createServer(connectNodeAdapter({ routes }));
    const open = new Set<Socket>();
    server.on('connection', (socket: Socket) => open.add(socket));
    const [host, port] = where.split(':');
    server.listen(Number(port), host);
    await once(server, 'listening');
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { address, close: () => closeServer(server, open) };
  },
  connect(address) {
    const client = createClient(AgentServiceV2, createGrpcTransport({ baseUrl: address }));
    const questions = new Questions();
    const waiting = new Map<string, (answer: AgentToProxy) => void>();
    const read = async (): Promise<void> => {
      for await (const answer of client.processStream(questions)) {
        const id = answer.message.case === 'response' ? answer.message.value.correlationId : '';
        const settle = waiting.get(id);
        waiting.delete(id);
        settle?.(answer);
      }
    };
    const reading = read();
    const ask = (n: number): Promise<unknown> =>
      new Promise((resolve) => {
        const id = String(n);
        waiting.set(id, resolve);
        const value = protobufEvent(eventOf(n), id, TIMESTAMP_MS) as MessageInitShape<typeof ProxyToAgentSchema>;
        questions.push(
          create(ProxyToAgentSchema, { message: { case: 'requestHeaders', value } } as MessageInitShape<
            typeof ProxyToAgentSchema
          >),
        );
      });
    const close = async (): Promise<void> => {
      questions.end();
      await reading;
    };
    return Promise.resolve({ ask, close });
  },
};
