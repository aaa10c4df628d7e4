import {
  type Client,
  credentials,
  makeGenericClientConstructor,
  Metadata,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { onTestFinished } from 'vitest';

const bytes = (value: Buffer): Buffer => value;

const method = (name: string, requestStream: boolean, responseStream: boolean): ServiceDefinition[string] => ({
  path: `/test.Echo/${name}`,
  requestStream,
  responseStream,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
});

/** Service with one method of each kind; messages are bytes. */
const ECHO: ServiceDefinition = {
  unary: method('Unary', false, false),
  upload: method('Upload', true, false),
  download: method('Download', false, true),
  both: method('Both', true, true),
};

/** Serves {@link ECHO} at a free port, over h2c or TLS. @returns its port */
export async function grpcServer(
  implementation: UntypedServiceImplementation,
  serverCredentials: ServerCredentials = ServerCredentials.createInsecure(),
): Promise<number> {
  const server = new Server();
  server.addService(ECHO, implementation);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', serverCredentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  onTestFinished(() => server.forceShutdown());
  return port;
}

const EchoClient = makeGenericClientConstructor(ECHO, 'Echo');

/** Client of {@link ECHO} as grpc-js makes it. */
export function grpcClient(target: string, channelCredentials = credentials.createInsecure()): EchoStub {
  const client = new EchoClient(target, channelCredentials, {
    'grpc.ssl_target_name_override': 'localhost',
    'grpc.enable_retries': 0,
  });
  onTestFinished(() => client.close());
  return client as unknown as EchoStub;
}

/** Methods of {@link ECHO} at the client. */
export interface EchoStub extends Client {
  unary: UnaryCall;
  upload(
    metadata: Metadata,
    callback: (error: Error | null, value?: Buffer) => void,
  ): ReturnType<Client['makeClientStreamRequest']>;
  download(
    value: Buffer,
    metadata?: Metadata,
    options?: { deadline?: number },
  ): ReturnType<Client['makeServerStreamRequest']>;
  both(metadata?: Metadata, options?: { deadline?: number }): ReturnType<Client['makeBidiStreamRequest']>;
}

type UnaryCall = (
  value: Buffer,
  metadata: Metadata,
  options: { deadline?: number },
  callback: (error: Error | null, value?: Buffer) => void,
) => ReturnType<Client['makeUnaryRequest']>;
