import type { AgentPool } from '@agentwire/pool';
import { type Connection, DEFAULT_CAPABILITIES, FEATURES, type Transport } from '@agentwire/core';
import { type ReverseConnectionConfig, ReverseConnectionListener } from '@agentwire/reverse-listener';
import { createTcpTransport, createUdsTransport, type TlsOptions } from '@agentwire/transport-uds';
import { certificates } from '../../../../packages/transport-uds/test/certificates/certificates.ts';
import type { Cell } from '../cell/cell.ts';
import type { Column } from '../columns.ts';
import { monotonicMs } from '../now.ts';
import { freeAddress } from './reversed-transport.ts';

/** Token of every agent `a-…` at a {@link ReverseProxy}. */
export const TOKEN = 'the-right-token';

/** A proxy in this process that agents register with. */
export interface ReverseProxy {
  readonly listener: ReverseConnectionListener;
  readonly pool: AgentPool;
  readonly address: string;
  /** Time of each registration, on the machine's monotonic clock. */
  readonly registeredAt: number[];
  /** Warnings of the listener. */
  readonly warnings: string[];
  /** Ends its connections and stops listening. */
  end(): Promise<void>;
}

/** The transport of a reverse column, as agents and proxies use it. */
export function transportOf({ reverse }: Column, tls: TlsOptions = certificates): Transport {
  return reverse === 'uds' ? createUdsTransport() : createTcpTransport({ tls });
}

/** Listens as a gateway does: a pool behind a listener with tokens. */
export async function startProxy(
  cell: Cell,
  options: Partial<ReverseConnectionConfig> & { readonly address?: string } = {},
): Promise<ReverseProxy> {
  const { address = freeAddress(cell.column.address(cell.folder), cell.folder), ...config } = options;
  const pool = cell.pool();
  const [registeredAt, warnings]: [number[], string[]] = [[], []];
  const ignore = (): void => undefined;
  const listener = await ReverseConnectionListener.bind(address, {
    transports: [transportOf(cell.column)],
    tokens: { 'a-*': TOKEN },
    logger: { debug: ignore, info: ignore, error: ignore, warn: (_, text) => warnings.push(text) },
    ...config,
  });
  void listener.acceptLoop({
    adopt(connection, name) {
      const handler = pool.adopt(connection, name);
      registeredAt.push(monotonicMs());
      return handler;
    },
  });
  const end = async (): Promise<void> => {
    await listener.close();
    await pool.close();
  };
  cell.defer(end);
  return { listener, pool, address: listener.address, registeredAt, warnings, end };
}

/** Registers a connection that answers nothing. @throws AgentwireError as `Transport.connect` */
export function register(
  transport: Transport,
  address: string,
  id: string,
  token: string | null = TOKEN,
): Promise<Connection> {
  return transport.connect(address, {
    self: {
      role: 'agent',
      name: 'v',
      version: '1',
      features: FEATURES,
      encodings: ['msgpack', 'json'],
      capabilities: { ...DEFAULT_CAPABILITIES, agentId: id },
      token: token ?? undefined,
    },
    onConnection: () => ({ onMessage: () => undefined, onClose: () => undefined }),
  });
}

/** Reason why a row about registering does not apply. */
export function onlyReverse({ reverse }: Column): string | undefined {
  return reverse === undefined ? 'no agent registers here' : undefined;
}
