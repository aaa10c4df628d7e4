import { readFileSync } from 'node:fs';
import { type Clock, type Logger, systemClock, type Transport } from '@agentwire/core';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { createTcpTransport, createUdsTransport } from '@agentwire/transport-uds';

/** What the command line knows about transports. */
export interface StockTransportOptions {
  readonly dialect?: 'auto' | 'documented' | 'zentinel';
  readonly logger: Logger;
  readonly clock?: Clock;
  /** Files of PEM text. */
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsCa?: string;
}

/** Every transport that agentwire comes with, ready for this command. */
export function stockTransports(options: StockTransportOptions): Transport[] {
  const { logger, clock = systemClock, dialect = 'auto', tlsCert, tlsKey, tlsCa } = options;
  const read = (file: string | undefined): string | undefined =>
    file === undefined ? undefined : readFileSync(file, 'utf8');
  const [cert, key, ca] = [read(tlsCert), read(tlsKey), read(tlsCa)];
  const given = {
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(ca !== undefined && { ca }),
  };
  const tls = Object.keys(given).length > 0 ? { tls: given } : {};
  return [
    createUdsTransport({ dialect, logger, clock }),
    createGrpcTransport({ logger, clock, ...tls }),
    createTcpTransport({ dialect, logger, clock, ...tls }),
  ];
}
