import { AgentwireError, parseEndpoint } from '@agentwire/core';
import { checkOptions, chosenLogger, OPTION, stderrLogger } from '@agentwire/core/internal';
import { connectSession, SessionClient, type SessionClientOptions } from '@agentwire/core/session';
import { clientHello, SESSION_CLIENT_TABLE } from '@agentwire/core/session/internal';
import { stockTransports, type StockTransportOptions } from './stock.ts';

/** Options of {@link V2Transport.connect}: the client's, and keys and certificates for `grpcs:` and `tls:`. */
export interface V2TransportOptions
  extends Omit<SessionClientOptions, 'logger'>, Omit<StockTransportOptions, 'sockets'> {}

/**
 * One connection to one agent over whichever stock transport its endpoint asks for: every transport has the same
 * operations; Agent Protocol v2, V2Transport.
 */
export class V2Transport extends SessionClient {
  /**
   * Connects to an agent.
   *
   * @param endpoint in the grammar of `parseEndpoint`
   * @throws AgentwireError what `Transport.connect` throws, `ERR_INVALID_ADDRESS`, `ERR_INVALID_ARGUMENT`
   */
  static async connect(endpoint: string, options: V2TransportOptions = {}): Promise<V2Transport> {
    checkOptions('V2Transport.connect', options, {
      ...SESSION_CLIENT_TABLE,
      tls: OPTION.object,
      logger: OPTION.loggerOrFalse,
    });
    const { tls, ...rest } = options;
    const logger = chosenLogger(options.logger, stderrLogger);
    const client: SessionClientOptions = { ...rest, logger };
    const { scheme, address } = parseEndpoint(endpoint);
    const transport = stockTransports({ tls, logger }).find(({ schemes }) => schemes.includes(scheme));
    if (transport === undefined)
      throw new AgentwireError('ERR_INVALID_ADDRESS', `no stock transport serves ${scheme}:`);
    return new V2Transport(await connectSession(transport, address, { ...client, self: clientHello(client) }));
  }
}
