import type { HeaderList, HeaderOp } from '@agentwire/core';
import { checkOneValueAName } from '@agentwire/core/internal';
import { internHeaderName, isValidHeaderName, isValidHeaderValue } from '@agentwire/headers';

import { eventHeaderValue, wireHeaderValue } from './event-header-value.ts';
import { DecodeError, inside } from './decode-error.ts';
import type { FieldCodec } from './field-codec.ts';
import { asArray, asObject, describe, onlyEntry, own, type MutableWireObject } from './wire-object.ts';

/** Most header lines in one message. */
export const MAX_HEADER_LINES = 1000;

/** Checks a header name; known lower-case names are returned as the one shared string. */
function headerName(wire: unknown): string {
  if (!isValidHeaderName(wire))
    throw new DecodeError(
      typeof wire === 'string'
        ? 'the header name is no HTTP token'
        : `a header name is expected, not ${describe(wire)}`,
    );
  const shared = internHeaderName(wire);
  return shared === wire ? shared : wire;
}

/** Checks a header value. */
function headerValue(wire: unknown): string {
  if (isValidHeaderValue(wire)) return wire;
  throw new DecodeError(
    typeof wire === 'string'
      ? 'the header value holds a character that HTTP does not allow'
      : `a header value is expected, not ${describe(wire)}`,
  );
}

/** Checks a value, which may be text past U+00FF; it becomes its UTF-8 bytes. */
function valueOfText(wire: unknown): string {
  return headerValue(typeof wire === 'string' ? (eventHeaderValue(wire) ?? wire) : wire);
}

/** Throws when a message has more header lines than {@link MAX_HEADER_LINES}. */
function checkLineCount(count: number): void {
  if (count > MAX_HEADER_LINES)
    throw new DecodeError(`${count} header lines are more than ${MAX_HEADER_LINES}`, 'ERR_MESSAGE_TOO_LARGE');
}

function readPairs(wire: unknown): string[] {
  const pairs = asArray(wire);
  checkLineCount(pairs.length);
  const headers: string[] = [];
  pairs.forEach((pair, index) =>
    inside(index, () => {
      if (!Array.isArray(pair) || pair.length !== 2) throw new DecodeError('a pair of name and value is expected');
      headers.push(headerName(pair[0]), valueOfText(pair[1]));
    }),
  );
  return headers;
}

function readMulti(wire: unknown): string[] {
  const headers: string[] = [];
  for (const [name, values] of Object.entries(asObject(wire))) {
    const checked = headerName(name);
    checkLineCount(headers.length / 2 + asArray(values).length);
    for (const value of asArray(values)) headers.push(checked, valueOfText(value));
  }
  return headers;
}

/** Returns the error for a list that is not names and values in turn. */
function notInTurn(headers: HeaderList): DecodeError {
  const at = headers.findIndex((text) => typeof text !== 'string');
  const found = at === -1 ? `${headers.length} items` : `${describe(headers[at])} at ${at}`;
  return new DecodeError(`names and values in turn are expected, not ${found}`);
}

/** Headers as the documented dialect writes them. @throws DecodeError for a list that is not names and values in turn */
export function writePairs(headers: HeaderList): unknown {
  const pairs: unknown[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i];
    const value = headers[i + 1];
    if (typeof name !== 'string' || typeof value !== 'string') throw notInTurn(headers);
    pairs.push([name, value]);
  }
  return pairs;
}

/** Writes headers whose names every object has, such as `constructor` and `__proto__`. Slower: the object has no shape. */
function writeAnyNames(headers: HeaderList): MutableWireObject {
  const byName = Object.create(null) as Record<string, string[]>;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i];
    const value = headers[i + 1];
    if (typeof name !== 'string' || typeof value !== 'string') throw notInTurn(headers);
    (byName[name] ??= []).push(value);
  }
  return byName;
}

/**
 * Headers as the zentinel dialect writes them: lines of one name together, at the position of the first, and names that are whole
 * numbers before all others, as in any object. The crate has a map without an order.
 *
 * @throws DecodeError for a list that is not names and values in turn
 */
export function writeMulti(headers: HeaderList): MutableWireObject {
  const byName: MutableWireObject = {};
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i];
    const value = headers[i + 1];
    if (typeof name !== 'string' || typeof value !== 'string') throw notInTurn(headers);
    const values = byName[name];
    if (values === undefined) byName[name] = [value];
    else if (Array.isArray(values)) values.push(value);
    else return writeAnyNames(headers);
  }
  return byName;
}

/** The headers of an event: pairs in the documented dialect, name to values in the other. */
export const headers: FieldCodec<HeaderList> = {
  name: 'headers',
  write(value, format) {
    // names are ASCII, which the conversion leaves unchanged
    const list = value.map((text) => (typeof text === 'string' ? wireHeaderValue(text) : text));
    return format.dialect === 'documented' ? writePairs(list) : writeMulti(list);
  },
  read: (wire, format) => (format.dialect === 'documented' ? readPairs(wire) : readMulti(wire)),
};

/** The headers of a block: name to one text in both dialects, so a name cannot come twice. */
export const blockHeaders: FieldCodec<HeaderList> = {
  name: 'blockHeaders',
  write(value) {
    if (value.length % 2 !== 0 || value.some((text) => typeof text !== 'string')) throw notInTurn(value);
    checkOneValueAName(value);
    const lines: (readonly [string, string])[] = [];
    for (let i = 0; i < value.length; i += 2) lines.push([value[i] as string, wireHeaderValue(value[i + 1] as string)]);
    return Object.fromEntries(lines);
  },
  read(wire) {
    const list: string[] = [];
    for (const [name, value] of Object.entries(asObject(wire))) {
      const checked = headerName(name);
      // third-party writers put arrays here; the block must still count
      const values = Array.isArray(value) ? (value as unknown[]) : [value];
      checkLineCount(list.length / 2 + values.length);
      for (const one of values) list.push(checked, valueOfText(one));
    }
    return list;
  },
};

function readOp(wire: unknown): HeaderOp {
  const [op, found] = onlyEntry(wire) ?? [];
  if (op !== 'set' && op !== 'add' && op !== 'remove')
    throw new DecodeError('a header operation is exactly one of set, add and remove');
  const [name, value] = Array.isArray(found)
    ? (found as unknown[])
    : typeof found === 'string'
      ? [found]
      : [own(asObject(found), 'name'), own(asObject(found), 'value')];
  return op === 'remove' ? { op, name: headerName(name) } : { op, name: headerName(name), value: valueOfText(value) };
}

function textOf(value: unknown, of: string): string {
  if (typeof value === 'string') return value;
  throw new DecodeError(`a text is expected, not ${describe(value)}`).within(of);
}

function writeOp(op: HeaderOp): unknown {
  const name = textOf(op.name, 'name');
  return op.op === 'remove'
    ? { remove: { name } }
    : { [op.op]: { name, value: wireHeaderValue(textOf(op.value, 'value')) } };
}

/** Changes of headers, in order. */
export const headerOps: FieldCodec<readonly HeaderOp[]> = {
  name: 'headerOps',
  write: (value) => value.map((op, index) => inside(index, () => writeOp(op))),
  read(wire) {
    const ops = asArray(wire);
    checkLineCount(ops.length);
    return ops.map((op, index) => inside(index, () => readOp(op)));
  },
};
