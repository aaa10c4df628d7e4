import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import {
  credentials,
  makeClientConstructor,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  type ClientDuplexStream,
} from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { protobufEvent } from './protobuf-event.ts';
import type { Stack } from './stack.ts';
import { eventOf } from './workload.ts';

interface Answer {
  readonly response: { readonly correlationId: string };
}
interface Question {
  readonly requestHeaders: { readonly metadata: { readonly correlationId: string } };
}

const PROTO = fileURLToPath(new URL('../../../../proto/zentinel/agent/v2/agent.proto', import.meta.url));
const TIMESTAMP_MS = 1_750_000_000_000;

function service(): ServiceDefinition {
  const root = protobuf.loadSync(PROTO);
  const question = root.lookupType('zentinel.agent.v2.ProxyToAgent');
  const answer = root.lookupType('zentinel.agent.v2.AgentToProxy');
  const serializer = (type: protobuf.Type) => (value: object) => type.encode(value).finish() as Buffer;
  return {
    processStream: {
      path: '/zentinel.agent.v2.AgentServiceV2/ProcessStream',
      requestStream: true,
      responseStream: true,
      requestSerialize: serializer(question),
      requestDeserialize: (bytes: Buffer) => question.decode(bytes),
      responseSerialize: serializer(answer),
      responseDeserialize: (bytes: Buffer) => answer.decode(bytes),
    },
  };
}

function answerTo({ requestHeaders }: Question): object {
  return {
    response: {
      correlationId: requestHeaders.metadata.correlationId,
      allow: {},
      requestHeaders: [{ set: { name: 'x-agent', value: 'allow' } }],
      audit: { tags: ['seen'] },
    },
  };
}

/** Yardstick: `@grpc/grpc-js` with protobufjs, one stream in both directions, TCP in the clear. */
export const grpcJs: Stack = {
  name: 'grpc-js',
  place: 'tcp',
  async serve(where) {
    const server = new Server();
    server.addService(service(), {
      processStream(call: ServerDuplexStream<Question, object>) {
        call.on('data', (question: Question) => call.write(answerTo(question)));
        call.on('end', () => call.end());
        call.on('error', () => call.destroy());
      },
    });
    const bind = promisify(server.bindAsync.bind(server));
    const port = await bind(where, ServerCredentials.createInsecure());
    return { address: `127.0.0.1:${port}`, close: () => Promise.resolve(server.forceShutdown()) };
  },
  async connect(address) {
    const Client = makeClientConstructor(service(), 'AgentServiceV2');
    const client = new Client(address, credentials.createInsecure());
    const open = client['processStream'] as () => ClientDuplexStream<object, Answer>;
    const stream = open.call(client);
    const waiting = new Map<string, (answer: Answer) => void>();
    stream.on('error', () => stream.destroy());
    stream.on('data', (answer: Answer) => {
      const { correlationId } = answer.response;
      const settle = waiting.get(correlationId);
      waiting.delete(correlationId);
      settle?.(answer);
    });
    const ask = (n: number): Promise<unknown> =>
      new Promise((resolve) => {
        const id = String(n);
        waiting.set(id, resolve);
        stream.write({ requestHeaders: protobufEvent(eventOf(n), id, TIMESTAMP_MS) });
      });
    const close = (): Promise<void> => {
      stream.cancel();
      client.close();
      return Promise.resolve();
    };
    return { ask, close };
  },
};
