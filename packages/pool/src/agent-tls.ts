import { AgentwireError, type ClientTls, type Transport } from '@agentwire/core';
import { checkOptions, OPTION, type OptionTable } from '@agentwire/core/internal';

const TABLE: OptionTable<ClientTls> = {
  ca: OPTION.oneOrMore(OPTION.pem),
  cert: OPTION.pem,
  key: OPTION.pem,
  passphrase: OPTION.secret,
  serverName: OPTION.text,
};

/**
 * Returns a transport that dials one agent with these keys and certificates. They are read here, because a connection that cannot be made is
 * tried again for as long as the agent is wanted.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` for keys that cannot be used, `ERR_UNSUPPORTED` for a transport without any
 */
export async function withAgentTls(transport: Transport, tls: ClientTls): Promise<Transport> {
  checkOptions('tls', tls, TABLE);
  if ((tls.cert === undefined) !== (tls.key === undefined))
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'tls.cert and tls.key go together, got only one of them');
  const given = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)) as ClientTls;
  const { serverName: _, ...material } = given;
  const { createSecureContext } = await import('node:tls');
  try {
    createSecureContext(material as Parameters<typeof createSecureContext>[0]);
  } catch (error) {
    const message = `tls: these keys and certificates cannot be used: ${(error as Error).message}`;
    throw new AgentwireError('ERR_INVALID_ARGUMENT', message);
  }
  if (transport.withTls !== undefined) return transport.withTls(given);
  throw new AgentwireError('ERR_UNSUPPORTED', `the transport ${transport.name} takes no certificates of one agent`);
}
