import { type Clock, type Logger, systemClock, type Transport } from '@agentwire/core';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { createTcpTransport, createUdsTransport, type SocketFileOptions } from '@agentwire/transport-uds';
import { createWebSocketTransport } from '@agentwire/transport-websocket';
import { readNamedFile, type ReadNamedFile } from './named-files.ts';
import { flagOf, type NameOfTls, type TlsFlags } from './tls-flags.ts';

/** Settings of the transports of a command. */
export interface StockTransportOptions extends TlsFlags {
  readonly dialect?: 'auto' | 'documented' | 'zentinel';
  /** Names of the TLS settings in errors; default their flags. */
  readonly nameOfTls?: NameOfTls;
  /** Mode and group of the Unix sockets that are bound; default this user alone. */
  readonly sockets?: SocketFileOptions;
  /** Reads the files of the TLS settings; default from disk. */
  readonly readFile?: ReadNamedFile;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** Every transport that agentwire comes with, ready for this command. @throws UsageError for a file that cannot be read */
export function stockTransports(options: StockTransportOptions, example = 'agentwire --help'): Transport[] {
  const { logger, clock = systemClock, dialect = 'auto', nameOfTls = flagOf, tlsServerName: name, sockets } = options;
  const { readFile = readNamedFile } = options;
  const read = (key: 'tlsCert' | 'tlsKey' | 'tlsCa'): Uint8Array | undefined => {
    const file = options[key];
    return file === undefined ? undefined : readFile(nameOfTls(key), file, example);
  };
  const tls = {
    cert: read('tlsCert'),
    key: read('tlsKey'),
    ca: read('tlsCa'),
    // authorities on a listener mean that clients must show a certificate
    requireClientCertificate: options.tlsCa !== undefined,
  };
  return [
    createUdsTransport({ ...sockets, dialect, logger, clock }),
    createGrpcTransport({ ...sockets, logger, clock, tls: { ...tls, servername: name } }),
    createTcpTransport({ dialect, logger, clock, tls: { ...tls, serverName: name } }),
    createWebSocketTransport({ dialect, logger, clock, tls: { ...tls, serverName: name } }),
  ];
}
