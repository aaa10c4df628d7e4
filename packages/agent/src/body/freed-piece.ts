import { AgentwireError } from '@agentwire/core';

/**
 * Checks that the memory of `data` is still there. A piece that `freeChunks` has freed is empty: it would drop what it takes the place of.
 *
 * @param got begin of the error: the function that got it
 * @throws AgentwireError `ERR_INVALID_STATE`
 */
export function checkNotFreed(got: string, data: Uint8Array): void {
  if (data.byteLength > 0 || !(data.buffer instanceof ArrayBuffer) || !data.buffer.detached) return;
  const why = 'with `freeChunks: true` a piece is empty once its handler is done with it';
  const what = `${got} a piece whose memory was freed: ${why}; keep a copy, Uint8Array.from(piece)`;
  throw new AgentwireError('ERR_INVALID_STATE', what);
}
