import type { Connection } from '../contract/connection.ts';
import { AgentwireError } from '../errors.ts';

/** Limit of undecodable messages in a row; past it the connection ends. */
export const MAX_UNDECODABLE = 1_024;

/** Creates the error that ends a connection at {@link MAX_UNDECODABLE}. */
export function undecodable({ peer, id }: Connection): AgentwireError {
  const why = `${peer.name} sent ${MAX_UNDECODABLE} undecodable messages in a row on ${id}`;
  return new AgentwireError('ERR_PROTOCOL', why);
}
