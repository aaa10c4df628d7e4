import { AgentwireError, type Clock, delay, type Endpoint } from '@agentwire/core';
import { CheckFailure } from '../check.ts';
import type { RawChannel } from '../raw/channel.ts';
import type { ProxyEvent, ProxyWire, Verdict } from './proxy-wire.ts';
import { listen, type Stage } from './stage.ts';

/** One connection of the proxy, and what it said there. */
export interface ProxyConnection {
  readonly number: number;
  readonly channel: RawChannel;
  /** What was wrong with its handshake. */
  problems: readonly string[];
  greeted: boolean;
  readonly events: ProxyEvent[];
}

/** What the agent does with the next handshakes. */
export type Greeting = 'accept' | 'refuse' | 'otherVersion' | 'hold' | 'pieces';
/** What it answers; nothing, where the check does so itself. */
export type Policy = (event: ProxyEvent, connection: ProxyConnection) => Verdict | undefined;

/** What came back over HTTP. */
export interface HttpAnswer {
  readonly status: number;
}

const ALLOW: Policy = () => ({});
/** How long one look at a connection takes. */
const LOOK_MS = 60_000;

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

  constructor(wire: ProxyWire, url: string, clock: Clock, patienceMs: number) {
    this.wire = wire;
    this.clock = clock;
    this.patienceMs = patienceMs;
    this.#url = url;
  }

  /** Listens. @returns the endpoint with its real port */
  async listen(endpoint: Endpoint): Promise<string> {
    this.#stage = await listen(endpoint, this.clock, (channel) => void this.#serve(channel));
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
    const cut = greeting === 'accept' ? bytes.length : 3;
    if (greeting === 'hold') await delay(this.clock, 100);
    channel.sendBytes(bytes.subarray(0, cut));
    if (cut < bytes.length) {
      await delay(this.clock, 20);
      channel.sendBytes(bytes.subarray(cut));
    }
    connection.greeted = true;
  }

  async #read(connection: ProxyConnection): Promise<void> {
    const { channel } = connection;
    for (;;) {
      const heard = await channel.next(LOOK_MS);
      if (heard.kind === 'ended') return channel.end();
      if (heard.kind === 'silence') continue;
      const event = this.wire.read(heard);
      connection.events.push(event);
      if (!['head', 'requestChunk', 'responseHeaders', 'responseChunk'].includes(event.kind)) continue;
      const verdict = this.policy(event, connection);
      if (verdict !== undefined) channel.send(this.wire.answer(event.id, verdict));
    }
  }

  /** One HTTP request through the proxy. @throws CheckFailure when nothing comes back */
  async drive(path: string, body?: string, signal?: AbortSignal): Promise<HttpAnswer> {
    const controller = new AbortController();
    const timer = this.clock.setTimeout(() => controller.abort(), this.patienceMs * 4);
    const abort = (): void => controller.abort();
    signal?.addEventListener('abort', abort, { once: true });
    try {
      const answer = await fetch(new URL(path, this.#url), {
        method: body === undefined ? 'GET' : 'POST',
        ...(body !== undefined && { body, headers: { 'content-type': 'application/json' } }),
        redirect: 'manual',
        signal: controller.signal,
      });
      await answer.arrayBuffer();
      return { status: answer.status };
    } catch (error) {
      throw new CheckFailure(`an HTTP request got no answer: ${(error as Error).message}`);
    } finally {
      this.clock.clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Waits until `holds`, looking every 10 ms. @throws CheckFailure with `what` after the patience */
  async until(what: string, holds: () => boolean, patienceMs: number = this.patienceMs): Promise<void> {
    const deadline = this.clock.now() + patienceMs;
    while (!holds()) {
      if (this.clock.now() > deadline) throw new CheckFailure(what);
      await delay(this.clock, 10);
    }
  }

  /** A request that is allowed gets through; tried again while the proxy heals. @throws CheckFailure */
  async works(patienceMs: number = this.patienceMs * 4): Promise<void> {
    const deadline = this.clock.now() + patienceMs;
    for (;;) {
      const before = this.events.length;
      const answer = await this.drive('/').catch(() => undefined);
      const asked = this.events.slice(before).some(({ kind }) => kind === 'head');
      if (asked && answer !== undefined && answer.status < 500) return;
      if (this.clock.now() > deadline) throw new CheckFailure('requests do not get through to the agent any more');
      await delay(this.clock, 50);
    }
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
}
