import { FEATURES, type Logger, parseEndpoint, type Transport } from '@agentwire/core';
import { connectSession, type ProxySession } from '@agentwire/core/session';
import { checkChoice, type Dialect, type Encoding, refuseDialectOverGrpc } from './commands/wire-choices.ts';
import { loadTransports, type TransportFlags } from './load-transports.ts';
import { readToken } from './named-files.ts';
import { stockTransports } from './stock-transports.ts';
import { checkTlsFlags, type TlsFlags, tlsOf } from './tls-flags.ts';
import { UsageError } from './usage-error.ts';

/** Flags of commands that connect to one agent. */
export interface AgentFlags extends TlsFlags, TransportFlags {
  readonly tokenFile?: string;
  readonly dialect?: string;
  readonly encoding?: string;
}

/** Settings of {@link findAgent}. */
export interface FindAgentSettings {
  /** Name of this side in the handshake. */
  readonly name: string;
  /** Time that dialling and handshake may take, in milliseconds. */
  readonly timeoutMs: number;
  readonly logger: Logger;
  readonly example: string;
}

/** Agent of a command's flags, and the way to it. */
export interface FoundAgent {
  readonly address: string;
  /** Name of the transport. */
  readonly transport: string;
  /** Connects to it as a proxy. @throws AgentwireError where it cannot be reached */
  connect(): Promise<ProxySession>;
}

/** Returns the error for an endpoint that no transport serves. */
export function noTransport(scheme: string, transports: readonly Transport[], example: string): UsageError {
  const known = transports.flatMap(({ schemes }) => schemes).join(', ');
  const why = scheme === 'memory' ? ', which is for agents in the same process' : '';
  return new UsageError(
    `no transport serves ${scheme}:${why}; there are transports for ${known}, and --transport MODULE adds one`,
    example,
  );
}

/** Reads flags about one agent; nothing is connected yet. @throws UsageError for wrong ones */
export async function findAgent(
  endpoint: string,
  flags: AgentFlags,
  { name, timeoutMs, logger, example }: FindAgentSettings,
): Promise<FoundAgent> {
  const dialect = checkChoice<Dialect>('--dialect', flags.dialect, ['documented', 'zentinel'], example);
  const encoding = checkChoice<Encoding>('--encoding', flags.encoding, ['json', 'msgpack'], example);
  const { scheme, address } = parseEndpoint(endpoint);
  refuseDialectOverGrpc(scheme, dialect, example);
  checkTlsFlags(flags, { dials: [address] }, example);
  const token = flags.tokenFile === undefined ? undefined : readToken('--token-file', flags.tokenFile, example);
  const stock = stockTransports({ ...tlsOf(flags), logger, ...(dialect !== undefined && { dialect }) }, example);
  const transports = await loadTransports(flags.transport, stock, { logger, example });
  const transport = transports.find(({ schemes }) => schemes.includes(scheme));
  if (transport === undefined) throw noTransport(scheme, transports, example);
  const encodings = encoding === undefined ? ['msgpack', 'json'] : [encoding];
  const self = { role: 'proxy' as const, name, version: '0', features: FEATURES, encodings, token };
  return {
    address,
    transport: transport.name,
    connect: () => connectSession(transport, address, { self, handshakeTimeoutMs: timeoutMs }),
  };
}
