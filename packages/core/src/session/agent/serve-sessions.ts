import type { Connection } from '../../contract/connection.ts';
import type { ConnectOptions, Listener, ListenOptions, Transport } from '../../contract/transport.ts';
import { dial } from '../dial.ts';
import { AgentSessionCore } from './agent-session-core.ts';
import {
  type AgentSession,
  type AgentSessionOptions,
  resolveAgentSessionOptions,
  type SessionHandler,
} from './agent-session.ts';

/** Options of {@link serveSessions}: the listener's, and each session's. */
export type ServeSessionsOptions = Omit<ListenOptions, 'onConnection'> & AgentSessionOptions;

/** Options of {@link dialSession}: the connection's, and the session's. */
export type DialSessionOptions = Omit<ConnectOptions, 'onConnection'> & AgentSessionOptions;

/** Bound address with the sessions of its connections. */
export interface SessionListener extends Listener {
  readonly sessions: ReadonlySet<AgentSession>;
  /** Stops listening and drains every session. */
  drain(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** Stops listening, and closes every session after sending what is buffered. */
  close(): Promise<void>;
}

/** Creates the `onConnection` that opens an agent's session on every connection. */
function openSessions(
  handler: SessionHandler,
  options: AgentSessionOptions,
  sessions: Set<AgentSession>,
): (connection: Connection) => AgentSessionCore {
  const wrapped: SessionHandler = {
    onEvent: (event, request, encoded) => handler.onEvent(event, request, encoded),
    onClose: (reason, session) => {
      sessions.delete(session);
      handler.onClose?.(reason, session);
    },
    ...(handler.onRequestEnd !== undefined && { onRequestEnd: (request) => handler.onRequestEnd?.(request) }),
    ...(handler.onNotice !== undefined && { onNotice: (notice, session) => handler.onNotice?.(notice, session) }),
  };
  return (connection: Connection) => {
    const session = new AgentSessionCore(connection, wrapped, options);
    handler.onOpen?.(session);
    sessions.add(session);
    return session;
  };
}

/** Listens for proxies, whose events `handler` decides on. @throws AgentwireError as {@link Transport.listen} */
export async function serveSessions(
  transport: Transport,
  address: string,
  handler: SessionHandler,
  options: ServeSessionsOptions,
): Promise<SessionListener> {
  // an option that each session would refuse is refused here, once
  resolveAgentSessionOptions(options);
  const sessions = new Set<AgentSession>();
  const listener = await transport.listen(address, {
    ...listenOptions(options),
    onConnection: openSessions(handler, options, sessions),
  });
  const close = async (): Promise<void> => {
    await listener.close();
    await Promise.all([...sessions].map((session) => session.close()));
  };
  return {
    address: listener.address,
    sessions,
    get connectionCount() {
      return listener.connectionCount;
    },
    close,
    async drain(drainOptions) {
      await listener.close();
      await Promise.all([...sessions].map((session) => session.drain(drainOptions)));
    },
    [Symbol.asyncDispose]: close,
  };
}

function listenOptions(options: ServeSessionsOptions): Omit<ListenOptions, 'onConnection'> {
  const { self, handshakeTimeoutMs, maxPendingHandshakes, maxConnections, authorize } = options;
  return {
    self,
    ...(handshakeTimeoutMs !== undefined && { handshakeTimeoutMs }),
    ...(maxPendingHandshakes !== undefined && { maxPendingHandshakes }),
    ...(maxConnections !== undefined && { maxConnections }),
    ...(authorize !== undefined && { authorize }),
  };
}

/** Dials a proxy that listens for agents (a reverse connection) and serves it. @throws AgentwireError as {@link Transport.connect} */
export async function dialSession(
  transport: Transport,
  address: string,
  handler: SessionHandler,
  options: DialSessionOptions,
): Promise<AgentSession> {
  resolveAgentSessionOptions(options);
  return dial(transport, address, options, openSessions(handler, options, new Set()));
}
