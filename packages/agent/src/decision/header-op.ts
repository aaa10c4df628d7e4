import { AgentwireError, type HeaderOp } from '@agentwire/core';
import { checkHeaderOps } from '@agentwire/headers';

/** Headers that frame a body: the proxy writes them, and the released one forwards what an agent sets. */
const FRAMING = /^(?:content-length|transfer-encoding)$/i;

/** Appends a header operation. @throws AgentwireError `ERR_INVALID_HEADER` if HTTP forbids it, or if it would set a framing header */
export function appendHeaderOp(operations: readonly HeaderOp[] | undefined, operation: HeaderOp): readonly HeaderOp[] {
  checkHeaderOps([operation]);
  if (operation.op !== 'remove' && FRAMING.test(operation.name)) {
    throw new AgentwireError(
      'ERR_INVALID_HEADER',
      `${operation.name} frames the body, whose length the proxy knows; it can be removed, not set`,
    );
  }
  return operations === undefined ? [operation] : [...operations, operation];
}
