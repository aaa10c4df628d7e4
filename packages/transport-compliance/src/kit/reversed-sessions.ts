import type { Clock, Connection, ConnectOptions, Listener, ListenOptions, Transport } from '@agentwire/core';
import {
  acceptProxySession,
  type AgentSession,
  dialSession,
  type ProxySession,
  type SessionHandler,
  type SessionListener,
} from '@agentwire/core/session';
import { AGENT, PROXY } from './hellos.ts';
import type { Side } from './side.ts';

/** The part of a kit that {@link ReversedSessions} needs. */
interface Ends {
  readonly clock: Clock;
  listenAs(options: ListenOptions, address: undefined, transport: Transport): Promise<Listener>;
  connectAs(address: string, side: Side, options: Omit<ConnectOptions, 'onConnection'>): Promise<Connection>;
}

/** Sessions of `Kit.serve` and `Kit.session` where the agent dials: it does so when a session is asked for. */
export class ReversedSessions {
  readonly #kit: Ends;
  /** Dials a proxy's address, by the name that stands for an agent's. */
  readonly #agents = new Map<string, (address: string) => Promise<unknown>>();

  constructor(kit: Ends) {
    this.#kit = kit;
  }

  serve(handler: SessionHandler, transport: Transport): SessionListener {
    const { clock } = this.#kit;
    const sessions = new Set<AgentSession>();
    const address = `agent ${this.#agents.size}`;
    const own: SessionHandler = {
      ...handler,
      onClose: (reason, session) => {
        sessions.delete(session);
        handler.onClose?.(reason, session);
      },
    };
    this.#agents.set(address, async (proxy) => {
      const session = await dialSession(transport, proxy, own, { self: AGENT, clock, keepalive: false });
      sessions.add(session);
      return session;
    });
    const close = async (): Promise<void> => {
      await Promise.all([...sessions].map((session) => session.close()));
    };
    return {
      address,
      sessions,
      get connectionCount() {
        return sessions.size;
      },
      close,
      async drain(options) {
        await Promise.all([...sessions].map((session) => session.drain(options)));
      },
      [Symbol.asyncDispose]: close,
    };
  }

  /** Serves with a bare handler. */
  serveSide(side: Side): { readonly address: string } {
    const address = `agent ${this.#agents.size}`;
    this.#agents.set(address, (proxy) => this.#kit.connectAs(proxy, side, { self: AGENT }));
    return { address };
  }

  /** Waits for the agent that stands at `address` to dial. */
  async session(address: string, transport: Transport): Promise<ProxySession> {
    const { clock } = this.#kit;
    const opened = Promise.withResolvers<ProxySession>();
    const onConnection = (
      connection: Parameters<typeof acceptProxySession>[0],
    ): ReturnType<typeof acceptProxySession> => {
      const session = acceptProxySession(connection, { clock, keepalive: false });
      opened.resolve(session);
      return session;
    };
    const listener = await this.#kit.listenAs({ self: PROXY, onConnection }, undefined, transport);
    const dial = this.#agents.get(address);
    if (dial === undefined) throw new Error(`no agent is at ${address}`);
    await dial(listener.address);
    return opened.promise;
  }
}
