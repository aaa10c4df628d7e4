import {
  AgentwireError,
  parseEndpoint,
  type Connection,
  type ConnectOptions,
  type Endpoint,
  type Listener,
  type ListenOptions,
  type Transport,
} from '@agentwire/core';
import { resolveConnectOptions } from '@agentwire/core/internal';
import { resolveGrpcOptions, type GrpcTransportOptions } from './options.ts';

const SCHEMES: readonly string[] = ['grpc', 'grpcs', 'grpc+unix'];

// The first dial and the first bind load Connect and protobuf (about 200 files), not the import of this file: `agentwire`
// gives every pool and agent this transport, and most of them never use gRPC.
let client: typeof import('./client/dial.ts') | undefined;
let server: typeof import('./server/grpc-listener.ts') | undefined;

function grpcEndpoint(text: string): Endpoint {
  const endpoint = parseEndpoint(text);
  if (SCHEMES.includes(endpoint.scheme)) return endpoint;
  throw new AgentwireError(
    'ERR_INVALID_ADDRESS',
    `the gRPC transport serves grpc://HOST:PORT, grpcs://HOST:PORT and grpc+unix:PATH, not ${JSON.stringify(endpoint.address)}`,
  );
}

/**
 * Makes the transport that speaks `zentinel.agent.v2.AgentServiceV2` over HTTP/2 (wire facts, section 8).
 *
 * Serves `grpc://HOST:PORT` in the clear, `grpcs://HOST:PORT` over TLS, with client certificates where asked for, and
 * `grpc+unix:PATH` on a Unix socket.
 * Only a proxy dials; one connection is one ProcessStream on an HTTP/2 session of its own.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown option or a value out of range.
 */
export function createGrpcTransport(options: GrpcTransportOptions = {}): Transport {
  const resolved = resolveGrpcOptions(options);

  async function connect(address: string, connectOptions: ConnectOptions): Promise<Connection> {
    const endpoint = grpcEndpoint(address);
    const { handshakeTimeoutMs } = resolveConnectOptions(connectOptions);
    if (connectOptions.self.role !== 'proxy') {
      throw new AgentwireError(
        'ERR_UNSUPPORTED',
        'over gRPC only a proxy dials; an agent dials over unix:, tcp: or tls:',
      );
    }
    const { dial } = (client ??= await import('./client/dial.ts'));
    return dial(endpoint, connectOptions, handshakeTimeoutMs, resolved);
  }

  async function listen(address: string, listenOptions: ListenOptions): Promise<Listener> {
    const endpoint = grpcEndpoint(address);
    if (listenOptions.self.role !== 'agent') {
      throw new AgentwireError(
        'ERR_UNSUPPORTED',
        'over gRPC only an agent listens; a proxy listens over unix:, tcp: or tls:',
      );
    }
    const { GrpcListener } = (server ??= await import('./server/grpc-listener.ts'));
    const listener = new GrpcListener(endpoint, listenOptions, resolved);
    await listener.bind();
    return listener;
  }

  return {
    name: 'grpc',
    schemes: SCHEMES,
    dials: ['proxy'],
    connect,
    listen,
    withTls: ({ serverName: servername, ...tls }) =>
      createGrpcTransport({
        ...options,
        tls: { ...options.tls, ...tls, ...(servername !== undefined && { servername }) },
      }),
  };
}
