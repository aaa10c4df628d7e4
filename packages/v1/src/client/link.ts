import { connect, type Socket } from 'node:net';
import { AgentwireError, type Decision, type ProxyEvent, toAgentwireError } from '@agentwire/core';
import { createFrameDecoder, type FrameDecoder } from '@agentwire/wire-codec';
import { ProxyCodec } from '../wire/proxy-codec.ts';
import type { ResolvedClientOptions } from './options.ts';

interface PendingEvent {
  readonly event: ProxyEvent;
  readonly resolve: (decision: Decision) => void;
  readonly reject: (error: AgentwireError) => void;
}

/** One socket to an agent of version 1, with at most one event in flight. */
export class Link {
  readonly #path: string;
  readonly #socket: Socket;
  readonly #codec: ProxyCodec;
  readonly #decoder: FrameDecoder;
  #pending: PendingEvent | undefined;
  #ended: AgentwireError | undefined;

  private constructor(path: string, socket: Socket, options: ResolvedClientOptions) {
    this.#path = path;
    this.#socket = socket;
    this.#codec = new ProxyCodec(options.agentId, options.logger);
    this.#decoder = createFrameDecoder({
      onFrame: (type, bytes, start, end) => this.#onAnswer(type, bytes, start, end),
    });
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      this.end('ERR_CLOSED', `broke: ${error.code ?? error.message}`),
    );
    socket.on('close', () => this.end('ERR_CLOSED', 'was closed by the agent'));
  }

  /** Connects. @throws AgentwireError `ERR_CONNECT`, `ERR_TIMEOUT` */
  static open(path: string, options: ResolvedClientOptions): Promise<Link> {
    const { clock, timeoutMs } = options;
    return new Promise((resolve, reject) => {
      const socket = connect({ path });
      const fail = (code: 'ERR_CONNECT' | 'ERR_TIMEOUT', why: string): void => {
        clock.clearTimeout(timer);
        socket.destroy();
        reject(new AgentwireError(code, `cannot connect to unix:${path}: ${why}`));
      };
      const timer = clock.setTimeout(() => fail('ERR_TIMEOUT', `not within ${timeoutMs} ms`), timeoutMs);
      const onError = (error: NodeJS.ErrnoException): void => fail('ERR_CONNECT', error.code ?? error.message);
      socket.once('error', onError);
      socket.once('connect', () => {
        clock.clearTimeout(timer);
        socket.off('error', onError);
        resolve(new Link(path, socket, options));
      });
    });
  }

  /** `true` while it can send an event. */
  get open(): boolean {
    return this.#ended === undefined;
  }

  /** Sends one event; the one before must have its answer. */
  ask(event: ProxyEvent): Promise<Decision> {
    const frame = this.#codec.write(event);
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      this.#pending = { event, resolve, reject };
      this.#socket.write(frame);
    });
  }

  #take(chunk: Buffer): void {
    try {
      this.#decoder.push(chunk);
    } catch (error) {
      const { code, message } = toAgentwireError(error, 'ERR_PROTOCOL');
      this.end(code, `was dropped: ${message}`);
    }
  }

  #onAnswer(type: number, bytes: Buffer, start: number, end: number): void {
    const pending = this.#pending;
    if (pending === undefined) throw new AgentwireError('ERR_PROTOCOL', 'an answer came without a question');
    const decision = this.#codec.read(pending.event, type, bytes, start, end);
    this.#pending = undefined;
    pending.resolve(decision);
  }

  /** Ends it; an event in flight fails with this error. */
  end(code: AgentwireError['code'], what: string): void {
    if (this.#ended !== undefined) return;
    this.#ended = new AgentwireError(code, `the connection to unix:${this.#path} ${what}`);
    this.#decoder.stop();
    this.#socket.destroy();
    this.#pending?.reject(this.#ended);
    this.#pending = undefined;
  }
}
