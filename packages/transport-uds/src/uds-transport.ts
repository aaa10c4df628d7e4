import { createServer, connect } from 'node:net';
import type { Transport } from '@agentwire/core';
import { checkOptions, type OptionTable } from '@agentwire/core/internal';
import { createFramedTransport, streamLink, type FramedOptions } from '@agentwire/transport-framed';
import {
  bindSocketFile,
  FRAMED_TABLE,
  openSocket,
  SOCKET_FILE_TABLE,
  type SocketFileOptions,
  startListening,
} from '@agentwire/transport-framed/internal';

/** Options of {@link createUdsTransport}. */
export interface UdsTransportOptions extends FramedOptions, SocketFileOptions {}

const TABLE: OptionTable<UdsTransportOptions> = { ...FRAMED_TABLE, ...SOCKET_FILE_TABLE };

/**
 * Makes the transport that carries frames over Unix sockets: `unix:PATH`.
 *
 * A proxy dials an agent, or an agent dials a proxy (a reverse connection). Both dialects and both encodings are spoken;
 * a listener answers in the dialect it is asked in.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for an unknown option or a value out of range.
 */
export function createUdsTransport(options: UdsTransportOptions = {}): Transport {
  checkOptions('createUdsTransport', options, TABLE);
  const { mode, group, ...framed } = options;
  return createFramedTransport(
    {
      name: 'uds',
      schemes: ['unix'],
      async dial({ target }, signal) {
        return streamLink(await openSocket(connect({ path: target, allowHalfOpen: true }), 'connect', signal));
      },
      async bind({ address, target }, acceptor) {
        const server = createServer({ allowHalfOpen: true }, (socket) =>
          acceptor.accept(streamLink(socket), { address }),
        );
        try {
          const file = await bindSocketFile(target, { mode, group }, (path) => startListening(server, { path }));
          server.on('error', (error) => acceptor.report(error));
          return {
            address,
            close() {
              server.close();
              file.remove();
            },
          };
        } catch (error) {
          server.close();
          throw error;
        }
      },
    },
    framed,
  );
}
