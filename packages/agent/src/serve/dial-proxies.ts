import type { Connection, ConnectionHandler } from '@agentwire/core';
import { printable } from '@agentwire/core/internal';
import type { AgentSessionOptions } from '@agentwire/core/session';
import { dial, keepConnected } from '@agentwire/core/session/internal';
import type { Agent } from '../define/define-agent.ts';
import { announce } from '../define/announce.ts';
import { callListener } from '../runtime/notify.ts';
import { chooseTransport } from './choose-transport.ts';
import type { ResolvedReverse, ResolvedServeOptions } from './options.ts';

/**
 * Keeps connections to a proxy that listens for agents, until `signal` is aborted.
 *
 * @param open opens the session of a new connection, and calls back when that is over
 * @returns promise that resolves when all loops have ended
 */
export function dialProxy(
  agent: Agent,
  reverse: ResolvedReverse,
  options: ResolvedServeOptions & { readonly session: AgentSessionOptions },
  signal: AbortSignal,
  open: (connection: Connection, onEnd: () => void) => ConnectionHandler,
): Promise<void[]> {
  const transport = chooseTransport(options.transports, reverse.address, 'agent');
  const self = announce(agent, reverse.agentId, reverse.token);
  // the one that counts repeats
  const { logger = options.logger } = options.session;
  let registered = false;
  /** Attempts that failed since the last connection. */
  let failed = 0;
  let openNow = 0;
  const connect = async (attempt: AbortSignal): Promise<{ ended: Promise<void> }> => {
    const ended = Promise.withResolvers<void>();
    const { handshakeTimeoutMs } = options;
    await dial(transport, reverse.address, { self, signal: attempt, handshakeTimeoutMs }, (connection) =>
      open(connection, () => {
        openNow -= 1;
        ended.resolve();
      }),
    );
    openNow += 1;
    const { address, connections: of } = reverse;
    // as loud as the lines of the attempts that failed, so that a log does not end with those
    if (registered && failed > 0)
      logger.warn({ address, open: openNow, of, failed }, 'registered with the proxy again');
    else logger.info({ address, open: openNow, of }, 'registered with the proxy');
    failed = 0;
    if (!registered) callListener('onRegistered', options.logger, () => options.onRegistered?.(reverse.address));
    registered = true;
    return { ended: ended.promise };
  };
  const loop = {
    connect,
    signal,
    clock: options.clock,
    ...(reverse.backoff !== undefined && { backoff: reverse.backoff }),
    ...(options.random !== undefined && { random: options.random }),
    onFailure: (error: Error & { code: string }, failures: number, waitMs: number) => {
      failed += 1;
      logger.warn(
        { address: reverse.address, code: error.code, failures, waitMs: Math.round(waitMs) },
        error.code === 'ERR_UNAUTHORIZED'
          ? `${reverse.address} refuses this agent; check its id and token (agentId, token; --id, --token-file). Trying again`
          : `no connection to ${reverse.address}; trying again: ${printable(error.message)}`,
      );
    },
  };
  return Promise.all(Array.from({ length: reverse.connections }, () => keepConnected(loop)));
}
