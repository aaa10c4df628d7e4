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
import { AGENT, PROXY, swapRole } from './hellos.ts';
import type { Pair, PairOptions } from './pair.ts';
import { ReversedSessions } from './reversed-sessions.ts';
import { Side } from './side.ts';
import { Waiting } from './waiting.ts';

const CHANGED =
  'arrived changed. A loss of the medium is declared with arrivesAs; arrivesIn(dialect, encoding) has the known losses of the dialects. The difference:';

/** The tools of one case: a fresh transport, a clock, and ways to connect and to wait. Cleans up after itself. */
export class Kit extends Waiting {
  readonly clock: ManualClock;
  readonly transport: Transport;
  readonly subject: TransportUnderTest;
  readonly #listeners: Listener[] = [];
  readonly #connections: Connection[] = [];
  readonly #reversed: ReversedSessions | undefined;
  /** Handles of the medium that earlier cases left behind: each case answers for its own. */
  readonly #handlesBefore: number;

  private constructor(
    subject: TransportUnderTest,
    signal: AbortSignal,
    clock: ManualClock,
    transport: Transport,
    handlesBefore: number,
  ) {
    super(signal);
    this.#handlesBefore = handlesBefore;
    this.subject = subject;
    this.clock = clock;
    this.transport = transport;
    if (subject.opener === 'agent') this.#reversed = new ReversedSessions(this);
  }

  get dialling(): Hello {
    return this.#role(PROXY);
  }

  /** The role that a side has in this run. */
  #role(self: Hello): Hello {
    return this.#reversed === undefined ? self : swapRole(self);
  }

  /** Builds the transport for one case; `signal` is aborted when the case has taken too long. */
  static async create(subject: TransportUnderTest, signal: AbortSignal): Promise<Kit> {
    const clock = createManualClock();
    const before = (await subject.leaks?.()) ?? 0;
    return new Kit(subject, signal, clock, await subject.create({ clock }), before);
  }

  /** Listens on a fresh address, as the agent by default, or as what listens in this run. */
  listen(options: Partial<ListenOptions> & Pick<ListenOptions, 'onConnection'>, address?: string): Promise<Listener> {
    return this.listenAs({ ...options, self: this.#role(options.self ?? AGENT) }, address);
  }

  /** Listens in the role that is given. */
  async listenAs(options: ListenOptions, address?: string, transport: Transport = this.transport): Promise<Listener> {
    const listener = await transport.listen(address ?? (await this.subject.address()), {
      ...options,
      onConnection: (connection) => {
        this.#connections.push(connection);
        return options.onConnection(connection);
      },
    });
    this.#listeners.push(listener);
    return listener;
  }

  /** Dials, as the proxy by default, or as what dials in this run. A rejection is never unhandled. */
  connect(address: string, side: Side, options: Partial<ConnectOptions> = {}): Promise<Connection> {
    return this.connectAs(address, side, { ...options, self: this.#role(options.self ?? PROXY) });
  }

  /** Dials in the role that is given. */
  connectAs(address: string, side: Side, options: Omit<ConnectOptions, 'onConnection'>): Promise<Connection> {
    const attempt = this.transport.connect(address, {
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
    const agentDials = options.reverse === true || this.#reversed !== undefined;
    const [dialled, accepted] = agentDials ? [agent, proxy] : [proxy, agent];
    const proxyHello = { ...PROXY, ...options.proxy };
    const agentHello = { ...AGENT, ...options.agent };
    const [dials, listens] = agentDials ? [agentHello, proxyHello] : [proxyHello, agentHello];
    const listener = await this.listenAs({ self: listens, onConnection: (connection) => accepted.take(connection) });
    await this.connectAs(listener.address, dialled, { self: dials });
    await this.until('the listening side to have its connection', () => accepted.connected);
    return { listener, proxy, agent, dialled, accepted };
  }

  /** Serves sessions on a fresh address, over `transport`, by default the case's; the clock is the case's. */
  async serve(handler: SessionHandler, transport: Transport = this.transport): Promise<SessionListener> {
    if (this.#reversed !== undefined) return this.#reversed.serve(handler, transport);
    const options = { self: AGENT, clock: this.clock, keepalive: false } as const;
    const listener = await serveSessions(transport, await this.subject.address(), handler, options);
    this.#listeners.push(listener);
    return listener;
  }

  /** Serves one session with a bare handler, as {@link serve} does with sessions. */
  serveSide(side: Side): Promise<Pick<Listener, 'address'>> {
    if (this.#reversed !== undefined) return Promise.resolve(this.#reversed.serveSide(side));
    return this.listen({ onConnection: (connection) => side.take(connection) });
  }

  /** Opens a proxy's session, over `transport`, by default the case's; the clock is the case's. */
  async session(address: string, transport: Transport = this.transport): Promise<ProxySession> {
    if (this.#reversed !== undefined) return this.#reversed.session(address, transport);
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
    const handles = ((await this.subject.leaks?.()) ?? 0) - this.#handlesBefore;
    if (handles > 0)
      return `the medium still holds ${handles} (leaks): end its sockets and servers when their connection or listener ends`;
    return undefined;
  }
}
