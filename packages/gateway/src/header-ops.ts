import type { HeaderList, HeaderOp } from '@agentwire/core';
import { applyHeaderOps } from '@agentwire/headers';

const isLength = ({ name }: HeaderOp): boolean => name.length === 14 && name.toLowerCase() === 'content-length';

/**
 * Applies what an agent asks for, without its operations on `content-length`: the gateway frames bodies itself, and whoever
 * reads the head after it, agent or peer, must see the length that is true. Those on `transfer-encoding` are errors.
 *
 * @throws AgentwireError `ERR_INVALID_HEADER` for a change that HTTP forbids
 */
export function applyAgentOps(headers: HeaderList, ops: readonly HeaderOp[]): HeaderList {
  return applyHeaderOps(headers, ops.some(isLength) ? ops.filter((op) => !isLength(op)) : ops);
}
