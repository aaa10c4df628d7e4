// The gateway's part: agents register at these addresses, each with a token that is valid for its id only.
import { type AgentPool, type Logger, stockTransports } from 'agentwire';
import { ReverseConnectionListener } from 'agentwire/reverse-listener';

/** Hands the agents that register to a pool, until the listeners are closed. */
export async function listenForAgents(
  pool: AgentPool,
  addresses: readonly string[],
  tokens: Readonly<Record<string, string | readonly string[]>>,
  logger: Logger,
): Promise<ReverseConnectionListener[]> {
  const transports = stockTransports({ logger });
  const listeners = addresses.map((address) => ReverseConnectionListener.bind(address, { transports, tokens, logger }));
  for (const listener of await Promise.all(listeners))
    void listener.acceptLoop(pool).catch((error: unknown) => logger.error({ err: error }, 'agents cannot register'));
  return Promise.all(listeners);
}
