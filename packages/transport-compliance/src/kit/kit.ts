import assert from 'node:assert/strict';
import type {
  Connection,
  ConnectOptions,
  Hello,
  Listener,
  ListenOptions,
  Message,
  Received,
  RequestId,
  Transport,
} from '@agentwire/core';
import {
  connectSession,
  serveSessions,
  type ProxySession,
  type SessionHandler,
  type SessionListener,
} from '@agentwire/core/session';
import { createManualClock, type ManualClock } from '@agentwire/core/testing';
import type { TransportUnderTest } from '../transport-under-test.ts';
import { canonical } from './canonical.ts';
import { AGENT, PROXY } from './hellos.ts';
import { Side } from './side.ts';
import { Waiting } from './waiting.ts';

const CHANGED =
  'arrived changed. A loss of the medium is declared with arrivesAs; arrivesIn(dialect, encoding) has the known losses of the dialects. The difference:';

/** Two ends of one connection, named by role and by who dialled. */
export interface Pair {
  readonly listener: Listener;
  readonly proxy: Side;
  readonly agent: Side;
  readonly dialled: Side;
  readonly accepted: Side;
}

/** Options of {@link Kit.pair}. */
export interface PairOptions {
  readonly proxy?: Partial<Hello>;
  readonly agent?: Partial<Hello>;
  /** The agent dials. */
  readonly reverse?: boolean;
}

/** The tools of one case: a fresh transport, a clock, and ways to connect and to wait. Cleans up after itself. */
export class Kit extends Waiting {
  readonly clock: ManualClock;
  readonly transport: Transport;
  readonly subject: TransportUnderTest;
  readonly #listeners: Listener[] = [];
  readonly #connections: Connection[] = [];

  private constructor(subject: TransportUnderTest, signal: AbortSignal, clock: ManualClock, transport: Transport) {
    super(signal);
    this.subject = subject;
    this.clock = clock;
    this.transport = transport;
  }

  /** Builds the transport for one case; `signal` is aborted when the case has taken too long. */
  static async create(subject: TransportUnderTest, signal: AbortSignal): Promise<Kit> {
    const clock = createManualClock();
    return new Kit(subject, signal, clock, await subject.create({ clock }));
  }

  /** Listens on a fresh address, as the agent by default. */
  async listen(
    options: Partial<ListenOptions> & Pick<ListenOptions, 'onConnection'>,
    address?: string,
  ): Promise<Listener> {
    const listener = await this.transport.listen(address ?? (await this.subject.address()), {
      self: AGENT,
      ...options,
      onConnection: (connection) => {
        this.#connections.push(connection);
        return options.onConnection(connection);
      },
    });
    this.#listeners.push(listener);
    return listener;
  }

  /** Dials, as the proxy by default. A rejection is never unhandled. */
  connect(address: string, side: Side, options: Partial<ConnectOptions> = {}): Promise<Connection> {
    const attempt = this.transport.connect(address, {
      self: PROXY,
      onConnection: (connection) => {
        this.#connections.push(connection);
        return side.take(connection);
      },
      ...options,
    });
    attempt.catch(() => undefined);
    return attempt;
  }

  /** Makes one connection. */
  async pair(options: PairOptions = {}): Promise<Pair> {
    const [proxy, agent] = [new Side(), new Side()];
    const [dialled, accepted] = options.reverse === true ? [agent, proxy] : [proxy, agent];
    const proxyHello = { ...PROXY, ...options.proxy };
    const agentHello = { ...AGENT, ...options.agent };
    const [dials, listens] = options.reverse === true ? [agentHello, proxyHello] : [proxyHello, agentHello];
    const listener = await this.listen({ self: listens, onConnection: (connection) => accepted.take(connection) });
    await this.connect(listener.address, dialled, { self: dials });
    await this.until('the listening side to have its connection', () => accepted.connected);
    return { listener, proxy, agent, dialled, accepted };
  }

  /** Serves sessions on a fresh address, over `transport`, by default the case's; the clock is the case's. */
  async serve(handler: SessionHandler, transport: Transport = this.transport): Promise<SessionListener> {
    const options = { self: AGENT, clock: this.clock, keepalive: false } as const;
    const listener = await serveSessions(transport, await this.subject.address(), handler, options);
    this.#listeners.push(listener);
    return listener;
  }

  /** Opens a proxy's session, over `transport`, by default the case's; the clock is the case's. */
  async session(address: string, transport: Transport = this.transport): Promise<ProxySession> {
    const session = await connectSession(transport, address, { self: PROXY, clock: this.clock, keepalive: false });
    this.#connections.push(session.connection);
    return session;
  }

  /** Makes two connections of the same transport: one to break, and one that must not notice. */
  async twoPairs(): Promise<{ readonly broken: Pair; readonly alive: Pair }> {
    return { broken: await this.pair(), alive: await this.pair() };
  }

  /** An id of the kind that the connection carries. */
  id(side: Side, number: number): RequestId {
    return side.connection.peer.ids === 'text' ? `kit-${number}` : number;
  }

  /** Asserts that `got` is the message that must arrive when `sent` was sent. */
  assertArrived(got: Received | undefined, sent: Message): void {
    const [arrived, expected] = [canonical(got), canonical(this.subject.arrivesAs?.(sent) ?? sent)];
    try {
      assert.deepStrictEqual(arrived, expected);
    } catch (error) {
      const { message } = error as Error;
      throw new assert.AssertionError({ message: `${sent.type} ${CHANGED}\n${message}`, actual: arrived, expected });
    }
  }

  /** Sends `sent` and asserts that it, and it alone, arrives. */
  async carry(from: Side, to: Side, sent: Message): Promise<void> {
    const before = to.received.length;
    from.connection.send(sent);
    await this.until(`${sent.type} to arrive`, () => to.received.length > before);
    this.assertArrived(to.received[before], sent);
    assert.equal(to.received.length, before + 1, `${sent.type} arrived more than once`);
  }

  /** Asserts that a connection still carries messages both ways. */
  async assertAlive(pair: Pick<Pair, 'proxy' | 'agent'>): Promise<void> {
    for (const [from, to] of [
      [pair.proxy, pair.agent],
      [pair.agent, pair.proxy],
    ] as const) {
      const before = to.received.length;
      from.connection.send({ type: 'ping', sequence: 77, timestampMs: 1 });
      await this.until('a ping to arrive', () => to.received.slice(before).some((message) => message.type === 'ping'));
    }
  }

  /** Ends everything that the case opened; asserts that nothing is left, unless the case has failed already. */
  async finish(failed: boolean): Promise<void> {
    for (const connection of this.#connections) connection.abort();
    await this.settled('listeners to close', Promise.all(this.#listeners.map((listener) => listener.close())));
    if (!failed) await this.gone(() => this.#leftBehind());
  }

  async #leftBehind(): Promise<string | undefined> {
    for (const { connectionCount, address } of this.#listeners) {
      assert.ok(connectionCount >= 0, `connectionCount of ${address} is ${connectionCount}: an end was counted twice`);
      if (connectionCount > 0)
        return `connectionCount of ${address} is still ${connectionCount}: count every connection out when it ends, also by abort`;
    }
    const { pendingTimers } = this.clock;
    if (pendingTimers > 0)
      return `the transport left ${pendingTimers} timers on its clock: clear every deadline when its attempt or connection ends`;
    const handles = (await this.subject.leaks?.()) ?? 0;
    if (handles > 0)
      return `the medium still holds ${handles} (leaks): end its sockets and servers when their connection or listener ends`;
    return undefined;
  }
}
