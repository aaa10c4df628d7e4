import type { CloseReason, Connection } from '../contract/connection.ts';
import { AgentwireError } from '../errors.ts';

/** The error of every question that the end of its connection leaves without an answer, and of those that come later. */
export function closedErrorOf(connection: Connection, reason: CloseReason): AgentwireError {
  const who = reason.by === 'local' ? 'this side' : connection.peer.name;
  const why = reason.error === undefined ? '' : `: ${reason.error.message}`;
  return new AgentwireError('ERR_CLOSED', `${who} closed ${connection.id}${why}`, {
    ...(reason.error !== undefined && { cause: reason.error }),
    detail: { by: reason.by },
  });
}
