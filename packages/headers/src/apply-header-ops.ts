import { AgentwireError, type HeaderList, type HeaderOp } from '@agentwire/core';

import { HeaderMap } from './header-map.ts';
import { checkHeaderName, checkHeaderValue } from './header-validation.ts';
import { isHopByHop } from './hop-by-hop.ts';
import { internHeaderName, isHeaderTwin } from './intern-header-name.ts';
import { removeFrom, setIn } from './raw-list.ts';

/**
 * Checks header operations.
 *
 * @throws AgentwireError for the first that must not be applied: `ERR_INVALID_HEADER` for a name or value that Node would not send (CR, LF, NUL…) and for hop-by-hop names, which
 * belong to the proxy; `ERR_INVALID_ARGUMENT` for an unknown operation. `detail.index` is the operation's place in `ops`.
 */
export function checkHeaderOps(ops: readonly HeaderOp[]): void {
  for (const [index, operation] of ops.entries()) {
    const { op, name } = operation;
    checkHeaderName(name);
    if (isHopByHop(name)) {
      const message = `header operations must not touch ${internHeaderName(name)}: it belongs to one hop`;
      throw new AgentwireError('ERR_INVALID_HEADER', message, { detail: { index } });
    }
    if (op === 'set' || op === 'add') checkHeaderValue(name, operation.value);
    else if (op !== 'remove') {
      const message = `a header operation must be set, add or remove, got ${typeof op}`;
      throw new AgentwireError('ERR_INVALID_ARGUMENT', message, { detail: { index } });
    }
  }
}

function applyAll(list: string[], ops: readonly HeaderOp[]): void {
  for (const operation of ops) {
    const lower = internHeaderName(operation.name);
    if (operation.op === 'add') list.push(operation.name, operation.value);
    else if (operation.op === 'set') setIn(list, operation.name, lower, [operation.value], isHeaderTwin);
    else removeFrom(list, (name) => isHeaderTwin(name, lower));
  }
}

/**
 * Applies an agent's header operations in order: `set` replaces all values, `add` appends one, `remove` removes all.
 *
 * `set` and `remove` also remove every other spelling that an upstream could read as the same name: a client's `X_User` must
 * not remain beside an agent's `x-user`.
 *
 * All operations are checked first, so that all of them are applied or none. A `HeaderMap` is changed in place; a
 * raw list is not changed but copied once (not at all without operations).
 *
 * @returns the map, or the new list
 * @throws AgentwireError as {@link checkHeaderOps}
 */
export function applyHeaderOps(headers: HeaderMap, ops: readonly HeaderOp[]): HeaderMap;
export function applyHeaderOps(headers: HeaderList, ops: readonly HeaderOp[]): HeaderList;
export function applyHeaderOps(headers: HeaderMap | HeaderList, ops: readonly HeaderOp[]): HeaderMap | HeaderList {
  checkHeaderOps(ops);
  if (ops.length === 0) return headers;
  if (headers instanceof HeaderMap) return headers.rewrite((list) => applyAll(list, ops));
  const list = headers.slice();
  applyAll(list, ops);
  return list;
}
