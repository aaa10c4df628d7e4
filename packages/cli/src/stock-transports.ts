import { type Clock, type Logger, systemClock, type Transport } from '@agentwire/core';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { createTcpTransport, createUdsTransport } from '@agentwire/transport-uds';
import { readNamedFile } from './read-named-file.ts';
import type { TlsFlags } from './tls-flags.ts';

/** What the command line knows about transports. */
export interface StockTransportOptions extends TlsFlags {
  readonly dialect?: 'auto' | 'documented' | 'zentinel';
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** Every transport that agentwire comes with, ready for this command. @throws UsageError for a file that cannot be read */
export function stockTransports(options: StockTransportOptions, example = 'agentwire --help'): Transport[] {
  const { logger, clock = systemClock, dialect = 'auto', tlsCert, tlsKey, tlsCa, tlsServerName: name } = options;
  const read = (flag: string, file: string | undefined): Uint8Array | undefined =>
    file === undefined ? undefined : readNamedFile(flag, file, example);
  const tls = {
    cert: read('--tls-cert', tlsCert),
    key: read('--tls-key', tlsKey),
    ca: read('--tls-ca', tlsCa),
    // whoever names authorities and listens wants to know who comes
    requireClientCertificate: tlsCa !== undefined,
  };
  return [
    createUdsTransport({ dialect, logger, clock }),
    createGrpcTransport({ logger, clock, tls: { ...tls, servername: name } }),
    createTcpTransport({ dialect, logger, clock, tls: { ...tls, serverName: name } }),
  ];
}
