import type { Clock, Endpoint } from '@agentwire/core';
import { fail, failOn } from '../check.ts';
import type { Access } from '../raw/access.ts';
import type { RawChannel } from '../raw/channel.ts';
import { dialGrpc, type GrpcChannel } from '../raw/grpc-channel.ts';
import { dialStream } from '../raw/stream-channel.ts';
import { freshIds } from '../wire/ids.ts';
import { withToken } from '../wire/with-token.ts';
import type { HandshakeAnswer, HelloChange, Wire } from '../wire/wire.ts';
import { AgentLink } from './agent-link.ts';

/** Agent under test, in one protocol form. */
export class AgentUnderTest {
  readonly endpoint: Endpoint;
  readonly wire: Wire;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly #access: Access;
  readonly #opened: RawChannel[] = [];

  constructor(endpoint: Endpoint, wire: Wire, clock: Clock, timeoutMs: number, access: Access = {}) {
    this.endpoint = endpoint;
    this.wire = access.token === undefined ? wire : withToken(wire, access.token);
    this.#access = access;
    this.clock = clock;
    this.timeoutMs = timeoutMs;
  }

  /** Connects without a handshake. */
  async connect(): Promise<RawChannel> {
    const { endpoint, clock, timeoutMs } = this;
    const channel =
      this.wire.form === 'grpc'
        ? await dialGrpc(endpoint, clock, timeoutMs, this.#access)
        : await dialStream(endpoint, clock, timeoutMs, this.#access);
    this.#opened.push(channel);
    return channel;
  }

  /** Opens a gRPC call. */
  async call(path?: string): Promise<GrpcChannel> {
    const channel = await dialGrpc(this.endpoint, this.clock, this.timeoutMs, this.#access, path);
    this.#opened.push(channel);
    return channel;
  }

  /** Waits for the answer to a handshake. */
  async handshakeAnswer(channel: RawChannel): Promise<HandshakeAnswer> {
    const next = await channel.next(this.timeoutMs);
    if (next.kind === 'timeout') fail(`the handshake was not answered in ${this.timeoutMs} ms`);
    if (next.kind === 'ended') fail(`the agent ended the connection in the handshake: ${next.reason}`);
    try {
      return this.wire.readHello(next);
    } catch (error) {
      return fail(`the answer to the handshake cannot be read: ${(error as Error).message}`);
    }
  }

  /** Connects and does the handshake. */
  async handshake(change?: HelloChange): Promise<HandshakeAnswer> {
    const channel = await this.connect();
    channel.send(this.wire.hello(change));
    return this.handshakeAnswer(channel);
  }

  /** A connection that is ready for messages. */
  async open(): Promise<AgentLink> {
    const channel = await this.connect();
    channel.send(this.wire.hello());
    const answer = await this.handshakeAnswer(channel);
    if (!answer.accepted) fail(`the handshake was refused: ${answer.error ?? 'no reason was given'}`);
    failOn(answer.form === this.wire.form ? [] : [`the handshake was answered in the ${answer.form} dialect`]);
    return new AgentLink(channel, this.wire, this.timeoutMs);
  }

  /** Drops every connection of a check, and begins a new series of ids. */
  release(): void {
    freshIds();
    for (const channel of this.#opened.splice(0)) channel.destroy();
  }
}
