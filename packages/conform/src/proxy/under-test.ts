import { AgentwireError, type Clock, type Endpoint } from '@agentwire/core';
import { delay } from '@agentwire/core/internal';
import { CheckFailure } from '../check.ts';
import type { Access } from '../raw/access.ts';
import type { RawChannel } from '../raw/channel.ts';
import type { RawMessage } from '../raw/receive-queue.ts';
import { ask, type HttpAnswer } from './ask.ts';
import type { ProxyEvent, ProxyWire, Verdict } from './proxy-wire.ts';
import { listen, type PlayedAgent } from './listen.ts';

/** One connection of the proxy, and its events. */
export interface ProxyConnection {
  readonly number: number;
  readonly channel: RawChannel;
  /** Violations in its handshake. */
  problems: readonly string[];
  accepted: boolean;
  /** Set when it sent more than its handshake before the answer. */
  early: boolean;
  readonly events: ProxyEvent[];
}

/** Reaction of the agent to the next handshakes. */
export type HandshakeMode = 'accept' | 'refuse' | 'otherVersion' | 'hold' | 'pieces';
/** Answer to an event; `undefined` when the check answers itself. */
export type Policy = (event: ProxyEvent, connection: ProxyConnection) => Verdict | undefined;

const ALLOW: Policy = () => ({});
/** Timeout of one read, in milliseconds; the read loop repeats it. */
const READ_TIMEOUT_MS = 60_000;
/** Delay before the handshake is answered, in milliseconds. */
const HOLD_MS = 100;
/** Delay between the fragments of an answer, in milliseconds. */
const PIECE_MS = 20;
/** Offsets at which an answer is cut: within its length, before its type, and in its text. A busy proxy may read two fragments as one. */
const CUTS: readonly number[] = [3, 4, 9];
const ANSWERED: ReadonlySet<ProxyEvent['kind']> = new Set(['head', 'requestChunk', 'responseHeaders', 'responseChunk']);

/** Proxy under test: it connects to the simulated agent, and gets HTTP requests. */
export class ProxyUnderTest {
  readonly wire: ProxyWire;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly connections: ProxyConnection[] = [];
  handshakeMode: HandshakeMode = 'accept';
  policy: Policy = ALLOW;
  readonly #url: string;
  #playedAgent: PlayedAgent | undefined;
  #count = 0;
  #heads = 0;

  constructor(wire: ProxyWire, url: string, clock: Clock, timeoutMs: number) {
    this.wire = wire;
    this.clock = clock;
    this.timeoutMs = timeoutMs;
    this.#url = url;
  }

  /** Listens. @returns the endpoint with its real port */
  async listen(endpoint: Endpoint, access?: Access): Promise<string> {
    this.#playedAgent = await listen(endpoint, this.clock, (channel) => void this.#serve(channel), access);
    return this.#playedAgent.address;
  }

  /** Open connections whose handshake was accepted. */
  get open(): ProxyConnection[] {
    return this.connections.filter(({ accepted, channel }) => accepted && channel.ended === undefined);
  }

  /** Every event so far. */
  get events(): ProxyEvent[] {
    return this.connections.flatMap(({ events }) => events);
  }

  async #serve(channel: RawChannel): Promise<void> {
    const connection: ProxyConnection = {
      number: (this.#count += 1),
      channel,
      problems: [],
      accepted: false,
      early: false,
      events: [],
    };
    const first = await channel.next(READ_TIMEOUT_MS);
    if (first.kind !== 'message') return channel.destroy();
    this.connections.push(connection);
    try {
      connection.problems = this.wire.helloProblems(first);
    } catch (error) {
      connection.problems = [`the handshake cannot be read: ${(error as Error).message}`];
    }
    await this.#handshake(connection);
    await this.#read(connection);
  }

  async #handshake(connection: ProxyConnection): Promise<void> {
    const { channel } = connection;
    const { handshakeMode, wire } = this;
    if (handshakeMode === 'refuse') return channel.send(wire.refuse('conform refuses'));
    if (handshakeMode === 'otherVersion') return channel.send(wire.otherVersion());
    const bytes = channel.frame(wire.accept());
    if (handshakeMode === 'hold') await this.#watch(connection, HOLD_MS);
    let sent = 0;
    for (const cut of handshakeMode === 'pieces' ? CUTS : []) {
      channel.sendBytes(bytes.subarray(sent, cut));
      sent = cut;
      await this.#watch(connection, PIECE_MS);
    }
    channel.sendBytes(bytes.subarray(sent));
    connection.accepted = true;
  }

  /** Waits before the handshake is answered, and records events that arrive meanwhile. */
  async #watch(connection: ProxyConnection, ms: number): Promise<void> {
    const until = this.clock.now() + ms;
    for (let rest = ms; rest > 0; rest = until - this.clock.now()) {
      const next = await connection.channel.next(rest);
      if (next.kind === 'ended') return;
      if (next.kind === 'timeout') continue;
      connection.early = true;
      this.#take(connection, next);
    }
  }

  async #read(connection: ProxyConnection): Promise<void> {
    for (;;) {
      const next = await connection.channel.next(READ_TIMEOUT_MS);
      if (next.kind === 'ended') return connection.channel.end();
      if (next.kind === 'message') this.#take(connection, next);
    }
  }

  #take(connection: ProxyConnection, message: RawMessage): void {
    const event = this.#event(message);
    connection.events.push(event);
    if (event.kind === 'head') this.#heads += 1;
    if (!ANSWERED.has(event.kind)) return;
    const verdict = this.policy(event, connection);
    if (verdict !== undefined) connection.channel.send(this.wire.answer(event.id, verdict));
  }

  #event(message: RawMessage): ProxyEvent {
    try {
      return this.wire.read(message);
    } catch (error) {
      const problems = [`a message of type ${message.type} cannot be read: ${(error as Error).message}`];
      const nothing = { id: '', uri: '', index: 0, last: false, bytes: Buffer.alloc(0), echo: '' };
      return { ...nothing, kind: 'other', type: message.type, problems };
    }
  }

  /** Sends one HTTP request through the proxy. @throws CheckFailure without a response */
  drive(path: string, body?: string, signal?: AbortSignal): Promise<HttpAnswer> {
    return ask(new URL(path, this.#url), { body, signal, clock: this.clock, timeoutMs: this.timeoutMs * 4 });
  }

  /** Polls `holds` every 10 ms. @throws CheckFailure with `what` after `timeoutMs` */
  async until(what: string, holds: () => boolean, timeoutMs: number = this.timeoutMs): Promise<void> {
    const deadline = this.clock.now() + timeoutMs;
    while (!holds()) {
      if (this.clock.now() > deadline) throw new CheckFailure(what);
      await delay(this.clock, 10);
    }
  }

  /** Tests whether an allowed request gets through; retried while the proxy recovers. */
  async asks(timeoutMs: number = this.timeoutMs * 4): Promise<boolean> {
    const deadline = this.clock.now() + timeoutMs;
    for (;;) {
      const before = this.#heads;
      const answer = await this.drive('/').catch(() => undefined);
      if (this.#heads > before && answer !== undefined && answer.status < 500) return true;
      if (this.clock.now() > deadline) return false;
      await delay(this.clock, 50);
    }
  }

  /** Expects an allowed request to get through. @throws CheckFailure when {@link asks} is false */
  async works(timeoutMs?: number): Promise<void> {
    if (!(await this.asks(timeoutMs))) throw new CheckFailure('requests do not get through to the agent any more');
  }

  /** Restores an agent that accepts and allows. */
  reset(): void {
    this.handshakeMode = 'accept';
    this.policy = ALLOW;
  }

  /** Drops everything. */
  close(): void {
    this.#playedAgent?.close();
    for (const { channel } of this.connections) channel.destroy();
  }

  /** Error without any connection of a proxy. */
  static noProxy(address: string): AgentwireError {
    return new AgentwireError(
      'ERR_TIMEOUT',
      `no proxy connected to ${address}; start it, or wait longer (waitMs, --wait-ms)`,
    );
  }

  /** Error with a connection of a proxy but without a request. */
  static notAsked(address: string, url: string): AgentwireError {
    return new AgentwireError(
      'ERR_TIMEOUT',
      `a proxy connected to ${address}, but no request to ${url} was asked about; its route must ask this agent`,
    );
  }
}
