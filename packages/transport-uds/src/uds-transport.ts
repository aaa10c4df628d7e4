import { createServer, connect } from 'node:net';
import type { Transport } from '@agentwire/core';
import { checkOptions, OPTION, type OptionTable } from '@agentwire/core/internal';
import { createFramedTransport, streamLink, type FramedOptions } from '@agentwire/transport-framed';
import { FRAMED_TABLE, openSocket, startListening } from '@agentwire/transport-framed/internal';
import { bindSocketFile } from './socket-file.ts';

/** Options of {@link createUdsTransport}. */
export interface UdsTransportOptions extends FramedOptions {
  /** Mode of the socket files that it binds, as in `chmod`; default 0o600, this user only. 0o660 admits a group. */
  readonly mode?: number | undefined;
}

const TABLE: OptionTable<UdsTransportOptions> = { ...FRAMED_TABLE, mode: OPTION.integer(0, 0o777) };

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
  const { mode = 0o600, ...framed } = options;
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
          const file = await bindSocketFile(target, mode, (path) => startListening(server, { path }));
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
