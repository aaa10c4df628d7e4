import { createServer, connect as connectTcp, type AddressInfo, type Server } from 'node:net';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { AgentwireError, parseEndpoint, type Endpoint, type Transport } from '@agentwire/core';
import { checkOptions, OPTION, type OptionTable } from '@agentwire/core/internal';
import {
  type Acceptor,
  type Binding,
  createFramedTransport,
  streamLink,
  type FramedOptions,
  type MessageLink,
} from '@agentwire/transport-framed';
import {
  clientTlsOptions,
  FRAMED_TABLE,
  openSocket,
  PendingSockets,
  serverTlsOptions,
  startListening,
  TLS_TABLE,
  type TlsOptions,
} from '@agentwire/transport-framed/internal';

export type { TlsOptions };

/** Options of {@link createTcpTransport}. */
export interface TcpTransportOptions extends FramedOptions {
  /** Keys and certificates for `tls://`; a listener needs `key` and `cert`, dialling needs none. */
  readonly tls?: TlsOptions | undefined;
}

const TABLE: OptionTable<TcpTransportOptions> = { ...FRAMED_TABLE, tls: OPTION.nested(TLS_TABLE) };

interface HostEndpoint extends Endpoint {
  readonly host: string;
  readonly port: number;
}

/**
 * Makes the transport that carries frames over TCP and TLS: `tcp://HOST:PORT`, `tls://HOST:PORT`. Meant for reverse
 * connections, where an agent on another machine dials its proxy; the other way round works as well.
 *
 * `tcp` is readable by everyone on the way: use it on one machine only.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown option or a value out of range.
 */
export function createTcpTransport(options: TcpTransportOptions = {}): Transport {
  checkOptions('createTcpTransport', options, TABLE);
  const { tls = {}, ...framed } = options;
  return createFramedTransport<HostEndpoint>(
    {
      name: 'tcp',
      schemes: ['tcp', 'tls'],
      dial: (target, signal) => dial(target, tls, signal),
      bind: (target, acceptor) => bind(target, tls, acceptor),
    },
    framed,
  );
}

async function dial({ scheme, host, port }: HostEndpoint, tls: TlsOptions, signal: AbortSignal): Promise<MessageLink> {
  const where = { host, port, allowHalfOpen: true, noDelay: true };
  return streamLink(
    scheme === 'tcp'
      ? await openSocket(connectTcp(where), 'connect', signal)
      : await openSocket(connectTls({ ...where, ...clientTlsOptions(tls, host) }), 'secureConnect', signal),
  );
}

async function bind(target: HostEndpoint, tls: TlsOptions, acceptor: Acceptor): Promise<Binding> {
  const { scheme, host, port } = target;
  const server = scheme === 'tls' ? tlsServer(target, tls, acceptor) : tcpServer(acceptor);
  await startListening(server, { host, port });
  server.on('error', (error) => acceptor.report(error));
  const bound = (server.address() as AddressInfo).port;
  const { address } = parseEndpoint(`${scheme}://${host.includes(':') ? `[${host}]` : host}:${bound}`);
  return { address, close: () => void server.close() };
}

function tcpServer(acceptor: Acceptor): Server {
  return createServer({ allowHalfOpen: true, noDelay: true }, (socket) =>
    acceptor.accept(streamLink(socket), { address: `${socket.remoteAddress}:${socket.remotePort}` }),
  );
}

function tlsServer({ address }: Endpoint, tls: TlsOptions, acceptor: Acceptor): Server {
  if (tls.key === undefined || tls.cert === undefined) {
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      `listening on ${address} needs the options tls.key and tls.cert of its transport: createTcpTransport({ tls: { key, cert } }), or transports: stockTransports({ tls: { key, cert } }) with the package agentwire`,
    );
  }
  const server = createTlsServer({ ...serverTlsOptions(tls), allowHalfOpen: true });
  const pending = new PendingSockets(acceptor);
  server.on('connection', (socket) => {
    socket.setNoDelay(true);
    // the TLS socket on top of it reports errors and ends
    socket.on('error', () => undefined);
    pending.add(socket);
  });
  server.on('secureConnection', (socket) => {
    const peer = pending.take(socket);
    if (peer === undefined) {
      socket.destroy();
      return;
    }
    const certificate = socket.authorized ? socket.getPeerCertificate().raw : undefined;
    acceptor.accept(streamLink(socket), { address: `${socket.remoteAddress}:${socket.remotePort}`, certificate }, peer);
  });
  // Node destroys the socket of a failed TLS handshake
  server.on('tlsClientError', () => undefined);
  return server;
}
