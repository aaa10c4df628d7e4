import { AgentwireError, type Clock, type Endpoint } from '@agentwire/core';
import { delay } from '@agentwire/core/internal';
import { CheckFailure } from '../check.ts';
import type { Access } from '../raw/access.ts';
import type { RawChannel } from '../raw/channel.ts';
import type { RawMessage } from '../raw/inbox.ts';
import { ask, type HttpAnswer } from './ask.ts';
import type { ProxyEvent, ProxyWire, Verdict } from './proxy-wire.ts';
import { listen, type Stage } from './stage.ts';

/** One connection of the proxy, and what it said there. */
export interface ProxyConnection {
  readonly number: number;
  readonly channel: RawChannel;
  /** What was wrong with its handshake. */
  problems: readonly string[];
  greeted: boolean;
  /** Whether it said more than its handshake before that was answered. */
  early: boolean;
  readonly events: ProxyEvent[];
}

/** What the agent does with the next handshakes. */
export type Greeting = 'accept' | 'refuse' | 'otherVersion' | 'hold' | 'pieces';
/** What it answers; nothing, where the check does so itself. */
export type Policy = (event: ProxyEvent, connection: ProxyConnection) => Verdict | undefined;

const ALLOW: Policy = () => ({});
/** How long one look at a connection takes. */
const LOOK_MS = 60_000;
/** How long a handshake is kept waiting in which nothing may be sent. */
const HOLD_MS = 100;
/** Between the pieces of an answer. */
const PIECE_MS = 20;
/** Where an answer is cut: within its length, before its type, and in its text. Two pieces alone may be read as one by a busy proxy. */
const CUTS: readonly number[] = [3, 4, 9];
const ANSWERED: ReadonlySet<ProxyEvent['kind']> = new Set(['head', 'requestChunk', 'responseHeaders', 'responseChunk']);

/** The proxy that is put through the checks: it connects to an agent played here, and gets HTTP requests. */
export class ProxyUnderTest {
  readonly wire: ProxyWire;
  readonly clock: Clock;
  readonly patienceMs: number;
  readonly connections: ProxyConnection[] = [];
  greeting: Greeting = 'accept';
  policy: Policy = ALLOW;
  readonly #url: string;
  #stage: Stage | undefined;
  #count = 0;
  #heads = 0;

  constructor(wire: ProxyWire, url: string, clock: Clock, patienceMs: number) {
    this.wire = wire;
    this.clock = clock;
    this.patienceMs = patienceMs;
    this.#url = url;
  }

  /** Listens. @returns the endpoint with its real port */
  async listen(endpoint: Endpoint, access?: Access): Promise<string> {
    this.#stage = await listen(endpoint, this.clock, (channel) => void this.#serve(channel), access);
    return this.#stage.address;
  }

  /** Connections that are open and greeted. */
  get open(): ProxyConnection[] {
    return this.connections.filter(({ greeted, channel }) => greeted && channel.ended === undefined);
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
      greeted: false,
      early: false,
      events: [],
    };
    const first = await channel.next(LOOK_MS);
    if (first.kind !== 'message') return channel.destroy();
    this.connections.push(connection);
    try {
      connection.problems = this.wire.helloProblems(first);
    } catch (error) {
      connection.problems = [`the handshake cannot be read: ${(error as Error).message}`];
    }
    await this.#greet(connection);
    await this.#read(connection);
  }

  async #greet(connection: ProxyConnection): Promise<void> {
    const { channel } = connection;
    const { greeting, wire } = this;
    if (greeting === 'refuse') return channel.send(wire.refuse('conform refuses'));
    if (greeting === 'otherVersion') return channel.send(wire.otherVersion());
    const bytes = channel.frame(wire.accept());
    if (greeting === 'hold') await this.#watch(connection, HOLD_MS);
    let sent = 0;
    for (const cut of greeting === 'pieces' ? CUTS : []) {
      channel.sendBytes(bytes.subarray(sent, cut));
      sent = cut;
      await this.#watch(connection, PIECE_MS);
    }
    channel.sendBytes(bytes.subarray(sent));
    connection.greeted = true;
  }

  /** Waits before the handshake is answered, and notes what comes meanwhile. */
  async #watch(connection: ProxyConnection, ms: number): Promise<void> {
    const until = this.clock.now() + ms;
    for (let rest = ms; rest > 0; rest = until - this.clock.now()) {
      const heard = await connection.channel.next(rest);
      if (heard.kind === 'ended') return;
      if (heard.kind === 'silence') continue;
      connection.early = true;
      this.#take(connection, heard);
    }
  }

  async #read(connection: ProxyConnection): Promise<void> {
    for (;;) {
      const heard = await connection.channel.next(LOOK_MS);
      if (heard.kind === 'ended') return connection.channel.end();
      if (heard.kind === 'message') this.#take(connection, heard);
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

  /** One HTTP request through the proxy. @throws CheckFailure when nothing comes back */
  drive(path: string, body?: string, signal?: AbortSignal): Promise<HttpAnswer> {
    return ask(new URL(path, this.#url), { body, signal, clock: this.clock, timeoutMs: this.patienceMs * 4 });
  }

  /** Waits until `holds`, looking every 10 ms. @throws CheckFailure with `what` after the patience */
  async until(what: string, holds: () => boolean, patienceMs: number = this.patienceMs): Promise<void> {
    const deadline = this.clock.now() + patienceMs;
    while (!holds()) {
      if (this.clock.now() > deadline) throw new CheckFailure(what);
      await delay(this.clock, 10);
    }
  }

  /** Whether a request that is allowed gets through; tried again while the proxy heals. */
  async asks(patienceMs: number = this.patienceMs * 4): Promise<boolean> {
    const deadline = this.clock.now() + patienceMs;
    for (;;) {
      const before = this.#heads;
      const answer = await this.drive('/').catch(() => undefined);
      if (this.#heads > before && answer !== undefined && answer.status < 500) return true;
      if (this.clock.now() > deadline) return false;
      await delay(this.clock, 50);
    }
  }

  /** @throws CheckFailure when it does not {@link asks} */
  async works(patienceMs?: number): Promise<void> {
    if (!(await this.asks(patienceMs))) throw new CheckFailure('requests do not get through to the agent any more');
  }

  /** Back to an agent that accepts and allows. */
  calm(): void {
    this.greeting = 'accept';
    this.policy = ALLOW;
  }

  /** Drops everything. */
  close(): void {
    this.#stage?.close();
    for (const { channel } of this.connections) channel.destroy();
  }

  /** Why nothing can be checked. */
  static noProxy(address: string): AgentwireError {
    return new AgentwireError(
      'ERR_TIMEOUT',
      `no proxy connected to ${address}; start it, or wait longer with --wait-ms`,
    );
  }

  /** Why nothing can be checked although a proxy is there. */
  static notAsked(address: string, url: string): AgentwireError {
    return new AgentwireError(
      'ERR_TIMEOUT',
      `a proxy connected to ${address}, but no request to ${url} was asked about; its route must ask this agent`,
    );
  }
}
