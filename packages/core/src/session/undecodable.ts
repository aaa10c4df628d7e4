import type { Connection } from '../contract/connection.ts';
import { AgentwireError } from '../errors.ts';

/** Undecodable messages in a row after which nothing good is expected of a peer. */
export const MAX_UNDECODABLE = 1_024;

/** The error that ends a connection on which nothing can be decoded. */
export function undecodable({ peer, id }: Connection): AgentwireError {
  return new AgentwireError(
    'ERR_PROTOCOL',
    `${peer.name} sent ${MAX_UNDECODABLE} undecodable messages in a row on ${id}`,
  );
}
