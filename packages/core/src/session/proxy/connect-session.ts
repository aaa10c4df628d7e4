import type { Connection } from '../../contract/connection.ts';
import type { ConnectOptions, Transport } from '../../contract/transport.ts';
import { checkOptions, checkTypes } from '../../option-table.ts';
import { dial } from '../dial.ts';
import { ProxySessionCore } from './proxy-session-core.ts';
import { PROXY_SESSION_TABLE, type ProxySession, type ProxySessionOptions } from './proxy-session.ts';

/** Options of {@link connectSession}: the connection's, and the session's. */
export type ConnectSessionOptions = Omit<ConnectOptions, 'onConnection'> & ProxySessionOptions;

/** Dials an agent and opens the proxy's session on the connection. @throws AgentwireError as {@link Transport.connect} */
export async function connectSession(
  transport: Transport,
  address: string,
  options: ConnectSessionOptions,
): Promise<ProxySession> {
  checkTypes('', options, PROXY_SESSION_TABLE);
  return dial(transport, address, options, (connection) => new ProxySessionCore(connection, options));
}

/**
 * Opens the proxy's session on an accepted connection (a reverse connection): call it in `onConnection` and return its result.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming the option
 */
export function acceptProxySession(connection: Connection, options: ProxySessionOptions = {}): ProxySessionCore {
  return new ProxySessionCore(connection, checkOptions('a session', options, PROXY_SESSION_TABLE));
}
