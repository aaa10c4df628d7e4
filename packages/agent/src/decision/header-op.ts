import { AgentwireError, type HeaderOp, type Verdict } from '@agentwire/core';
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

/** Sets a header of a block's answer. @throws AgentwireError `ERR_INVALID_STATE` for another verdict, `ERR_INVALID_HEADER` */
export function setBlockHeader(verdict: Verdict, name: string, value: string): Verdict {
  if (verdict.type !== 'block')
    throw new AgentwireError('ERR_INVALID_STATE', `only a block has headers for the client, this is ${verdict.type}`);
  checkHeaderOps([{ op: 'set', name, value }]);
  const others = verdict.headers ?? [];
  const at = others.findIndex((other, i) => i % 2 === 0 && other.toLowerCase() === name.toLowerCase());
  return { ...verdict, headers: at < 0 ? [...others, name, value] : others.with(at + 1, value) };
}
