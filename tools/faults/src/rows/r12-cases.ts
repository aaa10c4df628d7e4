import { pack, unpack } from 'msgpackr';
import type { EventBody } from '@agentwire/core/session';
import { headers } from '../cell/events.ts';
import type { Column } from '../columns.ts';

/** Makes the bytes of one message undecodable; its frame stays sound and its id readable. */
export interface Damage {
  readonly name: string;
  readonly apply: (payload: Buffer) => Buffer;
}

type Fields = Record<string, unknown>;

const bytes = new Uint8Array([1, 2, 3]);

/** One event of each kind that is answered. */
export const SAMPLES: readonly EventBody[] = [
  headers('/?n=victim'),
  { type: 'requestBodyChunk', index: 0, data: bytes, last: true },
  { type: 'responseHeaders', status: 200, headers: ['a', 'b'], hasBody: false },
  { type: 'responseBodyChunk', index: 0, data: bytes, last: true },
  {
    type: 'webSocketFrame',
    opcode: 'text',
    data: bytes,
    clientToServer: true,
    index: 0,
    fin: true,
    clientIp: '192.0.2.7',
  },
  { type: 'guardrailInspect', inspectionType: 'prompt_injection', content: 'x', categories: [], metadata: {} },
  { type: 'configure', config: { a: 1 } },
];

/** Overrides of the fields of an event or a decision; `undefined` removes the field. */
const OVERWRITES: Readonly<Record<string, readonly Fields[]>> = {
  requestHeaders: [{ method: 7 }, { method: 'G T' }, { uri: undefined }, { headers: 'x' }, { metadata: 'x' }],
  requestBodyChunk: [{ data: { no: 1 } }, { chunk_index: -1 }, { data: undefined }],
  responseHeaders: [{ status: 'x' }, { status: 99 }, { headers: 5 }],
  responseBodyChunk: [{ data: { no: 1 } }, { chunk_index: 'x' }],
  webSocketFrame: [{ opcode: 'nope' }, { data: 7 }],
  guardrailInspect: [{ content: 5 }, { inspection_type: 'nope' }],
  configure: [{ config_version: 5 }],
  answer: [
    { decision: 5 },
    { decision: 'nope' },
    { decision: undefined },
    { decision: null },
    { decision: { block: {} } },
    { request_headers: 'x' },
    { request_headers: [{ set: { name: 'a b', value: 'x' } }] },
    { response_headers: [7] },
    { needs_more: 'x' },
  ],
};

function overwrite(column: Column, fields: Fields): Damage['apply'] {
  const json = column.encoding === 'json';
  return (payload) => {
    const value = (json ? JSON.parse(payload.toString()) : unpack(payload)) as Fields;
    for (const [name, put] of Object.entries(fields)) {
      if (put === undefined) delete value[name];
      else value[name] = put;
    }
    return json ? Buffer.from(JSON.stringify(value)) : pack(value);
  };
}

/** A protobuf field that holds one message: takes that apart and lets `change` make another one of it. */
function inner(payload: Buffer, change: (fields: Buffer) => Buffer): Buffer {
  let at = 1;
  while (((payload[at] ?? 0) & 0x80) !== 0) at += 1;
  const changed = change(payload.subarray(at + 1));
  const length = [changed.length & 0x7f];
  if (changed.length > 0x7f) {
    length[0] = (length[0] ?? 0) | 0x80;
    length.push(changed.length >> 7);
  }
  return Buffer.concat([payload.subarray(0, 1), Buffer.from(length), changed]);
}

const appended =
  (...more: number[]): Damage['apply'] =>
  (payload) =>
    inner(payload, (fields) => Buffer.concat([fields, Buffer.from(more)]));

/** Bytes appended to protobuf messages; the last value of a field wins. */
const APPENDED: Readonly<Record<string, readonly (readonly [name: string, ...bytes: number[]])[]>> = {
  requestHeaders: [
    ['method "G T"', 0x12, 3, 0x47, 0x20, 0x54],
    ['uri "a b"', 0x1a, 3, 0x61, 0x20, 0x62],
  ],
  responseHeaders: [['status 99', 0x10, 99]],
  webSocketFrame: [['frame type 77', 0x18, 77]],
  guardrailInspect: [['inspection type "x"', 0xa2, 6, 1, 0x78, 0x18, 99]],
  answer: [
    ['block with status 7', 0x1a, 2, 8, 7],
    ['a header operation that is none', 0x52, 0],
  ],
};

/** Every damage for messages of a kind in a column. @param kind type of an event, or `answer` */
export function damages(column: Column, kind: string): readonly Damage[] {
  if (column.medium === 'http2') {
    const list: Damage[] = [{ name: 'a field longer than the message', apply: appended(0x7a, 100) }];
    for (const [name, ...more] of APPENDED[kind] ?? []) list.push({ name, apply: appended(...more) });
    // the id alone: the first field of an answer, whose length stands in the second byte
    if (kind === 'answer')
      list.push({
        name: 'no decision',
        apply: (payload) => inner(payload, (all) => all.subarray(0, 2 + (all[1] ?? 0))),
      });
    return list;
  }
  const cut = column.encoding === 'json' ? 8 : 3;
  // there the id of a head is in its metadata and nowhere else
  const idInMetadata = column.dialect === 'zentinel' && column.encoding === 'msgpack';
  const overwrites = (OVERWRITES[kind] ?? []).filter((fields) => !idInMetadata || !('metadata' in fields));
  return [
    { name: `the last ${cut} bytes cut off`, apply: (payload) => payload.subarray(0, payload.length - cut) },
    ...overwrites.map((fields) => {
      const words = JSON.stringify(fields, (_key, value: unknown) => (value === undefined ? 'missing' : value));
      return { name: words, apply: overwrite(column, fields) };
    }),
  ];
}
