import { type NatsBackendOptions, resolveNatsBackendOptions } from './backend-options.ts';
import { connectNats } from './connect-nats.ts';
import { DurableStreams } from './durable-streams.ts';
import { NatsBackend } from './nats-backend.ts';
import { fromNatsError } from './nats-errors.ts';
import { encodeToken } from './subject-token.ts';

/**
 * Connects to NATS and gives a backend for `createA2ARouter({ backend })`.
 *
 * Rejects with `ERR_CONNECT` or `ERR_UNAUTHORIZED` if no server can be reached now; later it reconnects without a limit,
 * and refuses to send meanwhile (`ERR_CLOSED`, which is retryable).
 */
export async function createNatsBackend(options: NatsBackendOptions): Promise<NatsBackend> {
  const resolved = resolveNatsBackendOptions(options);
  const { nodeId, servers, auth, reconnectMs, pingIntervalMs } = resolved;
  const connection = await connectNats(servers, {
    ...auth,
    name: `agentwire ${nodeId}`,
    noEcho: true,
    inboxPrefix: `_INBOX_${encodeToken(nodeId)}`,
    maxReconnectAttempts: -1,
    // a password that is refused now may be the right one after the next reload of the server.
    ignoreAuthErrorAbort: true,
    pingInterval: pingIntervalMs,
    maxPingOut: 2,
    reconnectTimeWait: reconnectMs,
    reconnectJitter: Math.ceil(reconnectMs / 5),
  });
  try {
    const { durable } = resolved;
    const streams = durable === undefined ? undefined : await DurableStreams.open(connection, resolved, durable);
    return new NatsBackend(resolved, connection, streams);
  } catch (error) {
    await connection.close();
    throw fromNatsError(error, 'durable inboxes');
  }
}
