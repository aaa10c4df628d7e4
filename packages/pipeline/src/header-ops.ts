import type { HeaderList, HeaderOp } from '@agentwire/core';
import { applyHeaderOps } from '@agentwire/headers';

const isLength = ({ name }: HeaderOp): boolean => name.length === 14 && name.toLowerCase() === 'content-length';

/**
 * Applies the header operations of an agent, except those on `content-length`: the gateway frames bodies itself, and later
 * agents and the peer must see the real length. Operations on `transfer-encoding` are errors.
 *
 * @throws AgentwireError `ERR_INVALID_HEADER` for a change that HTTP forbids
 */
export function applyAgentOps(headers: HeaderList, ops: readonly HeaderOp[]): HeaderList {
  if (ops.length === 0) return headers;
  return applyHeaderOps(headers, ops.some(isLength) ? ops.filter((op) => !isLength(op)) : ops);
}
