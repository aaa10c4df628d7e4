import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { AgentwireError, type Clock, type Endpoint } from '@agentwire/core';
import { type Access, clientTls } from './access.ts';
import type { RawChannel } from './channel.ts';
import { ReceiveQueue, type NextMessage, type RawMessage } from './receive-queue.ts';
import { encodeProto, ProtoMessage } from './protobuf.ts';

const PROCESS_STREAM = '/zentinel.agent.v2.AgentServiceV2/ProcessStream';

/** gRPC message: no compression, `u32 length`, bytes. */
export function grpcFrame(bytes: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** Splits received bytes into gRPC messages and the fields of their envelopes. */
export class EnvelopeReader {
  readonly #inbox: ReceiveQueue;
  #received: Buffer = Buffer.alloc(0);

  constructor(inbox: ReceiveQueue) {
    this.#inbox = inbox;
  }

  push(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk]);
    while (this.#received.length >= 5) {
      const end = 5 + this.#received.readUInt32BE(1);
      if (this.#received.length < end) return;
      const bytes = this.#received.subarray(5, end);
      this.#received = this.#received.subarray(end);
      try {
        const envelope = new ProtoMessage(bytes);
        for (const type of envelope.numbers) {
          for (const payload of envelope.all(type)) this.#inbox.push({ type, payload });
        }
      } catch (error) {
        this.#inbox.end(`sent something that is no protobuf message: ${(error as Error).message}`);
      }
    }
  }
}

/** ProcessStream without a gRPC library: the type of a message is the number of its field in the envelope. */
export class GrpcChannel implements RawChannel {
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  readonly #inbox: ReceiveQueue;
  /** Resolves with the HTTP status of the response headers, or `undefined` when the stream closed before. */
  readonly responded: Promise<number | undefined>;

  constructor(session: ClientHttp2Session, clock: Clock, path: string = PROCESS_STREAM, token?: string) {
    this.#session = session;
    this.#inbox = new ReceiveQueue(clock);
    this.#stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    });
    const stream = this.#stream;
    const reader = new EnvelopeReader(this.#inbox);
    let status: string | undefined;
    this.responded = new Promise((resolve) => {
      stream.once('response', (headers) => {
        const only = headers['grpc-status'];
        if (only !== undefined) status = String(only);
        resolve(Number(headers[':status']));
      });
      stream.once('close', () => resolve(undefined));
    });
    stream.on('data', (chunk: Buffer) => reader.push(chunk));
    stream.on('trailers', (headers) => (status = String(headers['grpc-status'])));
    stream.on('error', () => undefined);
    stream.on('end', () => {
      if (status !== undefined) this.#inbox.end(`grpc-status ${status}`);
    });
    session.on('error', () => this.#inbox.end('dropped'));
    stream.on('close', () => {
      this.#inbox.end(status === undefined ? `reset (code ${stream.rstCode})` : `grpc-status ${status}`);
    });
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
    this.#stream.destroy();
    this.#session.destroy();
  }
}

/** Opens an HTTP/2 session of its own and a ProcessStream on it. @throws AgentwireError `ERR_CONNECT`, `ERR_TIMEOUT` */
export function dialGrpc(
  endpoint: Endpoint,
  clock: Clock,
  timeoutMs: number,
  access: Access = {},
  path: string = PROCESS_STREAM,
): Promise<GrpcChannel> {
  const { scheme, target, path: file } = endpoint;
  const session = connectHttp2(
    `${scheme === 'grpcs' ? 'https' : 'http'}://${file === undefined ? target : 'localhost'}`,
    {
      ...clientTls(access),
      ...(file !== undefined && { createConnection: () => connectSocket({ path: file }) }),
    },
  );
  return new Promise((resolve, reject) => {
    const fail = (code: 'ERR_CONNECT' | 'ERR_TIMEOUT', reason: string): void => {
      clock.clearTimeout(timer);
      session.destroy();
      reject(new AgentwireError(code, `cannot connect to ${endpoint.address}: ${reason}`));
    };
    const timer = clock.setTimeout(() => fail('ERR_TIMEOUT', `no HTTP/2 in ${timeoutMs} ms`), timeoutMs);
    session.once('error', (error) => fail('ERR_CONNECT', error.message));
    session.once('connect', () => {
      clock.clearTimeout(timer);
      resolve(new GrpcChannel(session, clock, path, access.token));
    });
  });
}
