import { AgentwireError, type HeaderList, type HeaderOp } from '@agentwire/core';
import { isValidHeaderName, isValidHeaderValue } from '@agentwire/headers';
import { eventHeaderValue, wireHeaderValue } from '@agentwire/wire-codec/internal';
import type { Header, HeaderOp as HeaderOpField } from '../../gen/zentinel/agent/v2/agent_pb.ts';

/** Most headers that one message may have. */
export const MAX_HEADERS = 1000;

/** Name and value as protobuf-es takes them. */
export interface HeaderInit {
  readonly name: string;
  readonly value: string;
}

/** Makes header fields of a flat list. */
export function toHeaders(list: HeaderList): HeaderInit[] {
  const headers: HeaderInit[] = [];
  for (let i = 0; i + 1 < list.length; i += 2)
    headers.push({ name: list[i] as string, value: wireHeaderValue(list[i + 1] as string) });
  return headers;
}

function checkPair(where: string, name: string, value: string): void {
  if (!isValidHeaderName(name))
    throw new AgentwireError('ERR_PROTOCOL', `${where} has a name that HTTP does not allow`);
  if (!isValidHeaderValue(value)) {
    throw new AgentwireError('ERR_PROTOCOL', `${where} has a value that HTTP does not allow, for ${name.slice(0, 64)}`);
  }
}

/** Throws `ERR_MESSAGE_TOO_LARGE` past {@link MAX_HEADERS}. */
function checkHeaderCount(where: string, count: number): void {
  if (count <= MAX_HEADERS) return;
  throw new AgentwireError('ERR_MESSAGE_TOO_LARGE', `${where} has ${count} headers, the limit is ${MAX_HEADERS}`);
}

/** Reads header fields, whose values may be text, into a flat list. @throws AgentwireError `ERR_PROTOCOL` for what HTTP does not allow. */
export function fromHeaders(where: string, headers: readonly Header[]): string[] {
  checkHeaderCount(where, headers.length);
  const list: string[] = [];
  for (const { name, value: text } of headers) {
    const value = eventHeaderValue(text) ?? text;
    checkPair(where, name, value);
    list.push(name, value);
  }
  return list;
}

/** A header operation as protobuf-es takes it. */
export type HeaderOpInit = {
  operation: { case: 'set' | 'add'; value: HeaderInit } | { case: 'remove'; value: string };
};

/** Makes header operation fields. */
export function toHeaderOps(ops: readonly HeaderOp[] | undefined): HeaderOpInit[] {
  return (ops ?? []).map((op) =>
    op.op === 'remove'
      ? { operation: { case: 'remove', value: op.name } }
      : { operation: { case: op.op, value: { name: op.name, value: wireHeaderValue(op.value) } } },
  );
}

function fromHeaderOp(where: string, { operation }: HeaderOpField): HeaderOp {
  switch (operation.case) {
    case 'set':
    case 'add': {
      const { name, value: text } = operation.value;
      const value = eventHeaderValue(text) ?? text;
      checkPair(where, name, value);
      return { op: operation.case, name, value };
    }
    case 'remove':
      if (!isValidHeaderName(operation.value)) {
        throw new AgentwireError('ERR_PROTOCOL', `${where} has a name that HTTP does not allow`);
      }
      return { op: 'remove', name: operation.value };
    default:
      throw new AgentwireError('ERR_PROTOCOL', `${where} has an operation that is neither set, add nor remove`);
  }
}

/** Reads header operations; undefined for none. @throws AgentwireError `ERR_PROTOCOL` for what HTTP does not allow. */
export function fromHeaderOps(where: string, ops: readonly HeaderOpField[]): readonly HeaderOp[] | undefined {
  if (ops.length === 0) return undefined;
  checkHeaderCount(where, ops.length);
  return ops.map((op) => fromHeaderOp(where, op));
}
