import { createServer as createHttp2, createSecureServer as createHttps2, type ServerHttp2Stream } from 'node:http2';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTls } from 'node:tls';
import { chmodSync, rmSync } from 'node:fs';
import { AgentwireError, type Clock, type Endpoint } from '@agentwire/core';
import { type Access, serverTls } from '../raw/access.ts';
import type { RawChannel } from '../raw/channel.ts';
import { EnvelopeReader, grpcFrame } from '../raw/grpc-channel.ts';
import { type NextMessage, ReceiveQueue, type RawMessage } from '../raw/receive-queue.ts';
import { encodeProto } from '../raw/protobuf.ts';
import { StreamChannel } from '../raw/stream-channel.ts';

/** Serving end of a ProcessStream. */
class ServedStream implements RawChannel {
  readonly #stream: ServerHttp2Stream;
  readonly #inbox: ReceiveQueue;

  constructor(stream: ServerHttp2Stream, clock: Clock) {
    this.#stream = stream;
    this.#inbox = new ReceiveQueue(clock);
    const reader = new EnvelopeReader(this.#inbox);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.on('data', (chunk: Buffer) => reader.push(chunk));
    stream.on('end', () => this.#inbox.end('closed'));
    stream.on('error', () => undefined);
    stream.on('close', () => this.#inbox.end('dropped'));
  }

  get ended(): string | undefined {
    return this.#inbox.ended;
  }

  frame({ type, payload }: RawMessage): Buffer {
    return grpcFrame(encodeProto({ [type]: payload }));
  }

  send(message: RawMessage): void {
    this.sendBytes(this.frame(message));
  }

  sendBytes(bytes: Uint8Array): void {
    if (this.#stream.writable) this.#stream.write(bytes);
  }

  next(waitMs: number): Promise<NextMessage> {
    return this.#inbox.next(waitMs);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  end(): void {
    this.#stream.end();
  }

  destroy(): void {
    this.#stream.close();
    this.#stream.session?.destroy();
  }
}

/** Listening agent that a proxy under test connects to. */
export interface PlayedAgent {
  /** The endpoint with its real port. */
  readonly address: string;
  close(): void;
}

function serverFor(scheme: string, clock: Clock, onChannel: (channel: RawChannel) => void, access: Access): Server {
  const onStream = (stream: ServerHttp2Stream): void => onChannel(new ServedStream(stream, clock));
  const onSocket = (socket: Socket): void => onChannel(new StreamChannel(socket, clock));
  if (scheme === 'grpc' || scheme === 'grpc+unix') return createHttp2().on('stream', onStream);
  if (scheme === 'grpcs') return createHttps2(serverTls(access)).on('stream', onStream);
  if (scheme === 'tls') return createTls({ ...serverTls(access), allowHalfOpen: true }, onSocket);
  return createServer({ allowHalfOpen: true }, onSocket);
}

/** Listens where the proxy expects its agent. @throws AgentwireError `ERR_CONNECT` */
export async function listen(
  endpoint: Endpoint,
  clock: Clock,
  onChannel: (channel: RawChannel) => void,
  access: Access = {},
): Promise<PlayedAgent> {
  const { scheme, path, host, port } = endpoint;
  const server = serverFor(scheme, clock, onChannel, access);
  server.on('sessionError', () => undefined).on('tlsClientError', () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new AgentwireError('ERR_CONNECT', `cannot listen on ${endpoint.address}: ${error.code ?? error.message}`)),
    );
    if (path !== undefined) server.listen({ path }, resolve);
    else server.listen({ host: host ?? '127.0.0.1', port: port ?? 0 }, resolve);
  });
  if (path !== undefined) chmodSync(path, 0o600);
  const bound = server.address();
  const real = typeof bound === 'object' && bound !== null ? bound.port : 0;
  return {
    address: path !== undefined ? endpoint.address : `${scheme}://${host}:${real}`,
    close() {
      server.close();
      if (path !== undefined) rmSync(path, { force: true });
    },
  };
}
