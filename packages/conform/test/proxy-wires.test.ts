import { describe, expect, test } from 'vitest';
import { grpcProxy } from '../src/proxy/grpc-proxy-wire.ts';
import { documentedProxy, zentinelProxy } from '../src/proxy/json-proxy-wire.ts';
import type { RawMessage } from '../src/raw/receive-queue.ts';
import { encodeProto, type ProtoFields } from '../src/raw/protobuf.ts';

/** A correct and an incorrect message, and the words for the incorrect one. */
type Row = [what: string, good: readonly string[], bad: readonly string[], words: string];
type Fields = Readonly<Record<string, unknown>>;

const json = (type: number, fields: Fields): RawMessage => ({ type, payload: Buffer.from(JSON.stringify(fields)) });
const proto = (type: number, fields: ProtoFields): RawMessage => ({ type, payload: encodeProto(fields) });
const without = <Value extends object>(fields: Value, name: string | number): Value =>
  Object.fromEntries(Object.entries(fields).filter(([key]) => key !== String(name))) as Value;

const metadata = { correlation_id: 'a', client_ip: '192.0.2.1', protocol: 'HTTP/1.1', timestamp: 'now' };
const documentedHead = { request_id: 1, method: 'GET', uri: '/', headers: [], metadata };
const zentinelHead = { correlation_id: 'a', method: 'GET', uri: '/', headers: {}, metadata };
const zentinelHello = { supported_versions: [2], proxy_id: 'p', proxy_version: '1' };
const chunk = { request_id: 1, correlation_id: 'a', chunk_index: 0, data: '', is_last: true };
const grpcMetadata: ProtoFields = { 1: 'a', 3: '192.0.2.1', 6: 'HTTP/1.1', 10: 1 };
const grpcHead: ProtoFields = { 1: encodeProto(grpcMetadata), 2: 'GET', 3: '/' };

describe('what a proxy says wrong is named', () => {
  test.each<Row>([
    ...['method', 'uri'].map((key): Row => [
      `documented ${key}`,
      documentedProxy.read(json(0x10, documentedHead)).problems,
      documentedProxy.read(json(0x10, without(documentedHead, key))).problems,
      `${key} is not a string`,
    ]),
    ...['client_ip', 'protocol', 'timestamp'].map((key): Row => [
      `zentinel metadata.${key}`,
      zentinelProxy.read(json(0x10, zentinelHead)).problems,
      zentinelProxy.read(json(0x10, { ...zentinelHead, metadata: without(metadata, key) })).problems,
      `metadata.${key} is not a string`,
    ]),
    ...['chunk_index', 'data', 'is_last'].map((key): Row => [
      `zentinel ${key}`,
      zentinelProxy.read(json(0x11, chunk)).problems,
      zentinelProxy.read(json(0x11, without(chunk, key))).problems,
      `${key} is not a`,
    ]),
    ...(
      [
        ['method', 2],
        ['uri', 3],
      ] as const
    ).map(([name, key]): Row => [
      `grpc ${name}`,
      grpcProxy.read(proto(2, grpcHead)).problems,
      grpcProxy.read(proto(2, without(grpcHead, key))).problems,
      `${name} is missing`,
    ]),
    ...(
      [
        ['client_ip', 3],
        ['protocol', 6],
        ['timestamp_ms', 10],
      ] as const
    ).map(([name, key]): Row => [
      `grpc metadata.${name}`,
      grpcProxy.read(proto(2, grpcHead)).problems,
      grpcProxy.read(proto(2, { ...grpcHead, 1: encodeProto(without(grpcMetadata, key)) })).problems,
      `metadata.${name} is missing`,
    ]),
    ...Object.keys(zentinelHello).map((key): Row => [
      `zentinel handshake ${key}`,
      zentinelProxy.helloProblems(json(0x01, zentinelHello)),
      zentinelProxy.helloProblems(json(0x01, without(zentinelHello, key))),
      key,
    ]),
    [
      'documented headers as an object',
      documentedProxy.read(json(0x10, documentedHead)).problems,
      documentedProxy.read(json(0x10, { ...documentedHead, headers: {} })).problems,
      'headers are no list',
    ],
    [
      'zentinel headers as a list',
      zentinelProxy.read(json(0x10, zentinelHead)).problems,
      zentinelProxy.read(json(0x10, { ...zentinelHead, headers: [] })).problems,
      'headers are a list',
    ],
    ['grpc id', grpcProxy.read(proto(4, { 1: 'a' })).problems, grpcProxy.read(proto(4, {})).problems, 'it has no id'],
    [
      'grpc handshake version',
      grpcProxy.helloProblems(proto(1, { 1: [2, 1], 2: 'p' })),
      grpcProxy.helloProblems(proto(1, { 1: [1], 2: 'p' })),
      'supported_versions has no 2',
    ],
    [
      'an unknown encoding',
      zentinelProxy.helloProblems(json(0x01, { ...zentinelHello, supported_encodings: ['msgpack', 'json'] })),
      zentinelProxy.helloProblems(json(0x01, { ...zentinelHello, supported_encodings: ['cbor'] })),
      'a word that peers reject',
    ],
  ])('%s', (_, good, bad, words) => {
    expect(good).toEqual([]);
    expect(bad.join()).toContain(words);
  });
});

test.each([
  ['documented', documentedProxy, [0x10, 0x30, 0x31, 0xf0, 0xf1], [0x02, 0x14, 0x20, 0x40, 0x41, 0x42, 0x66]],
  ['zentinel', zentinelProxy, [0x10, 0x14, 0x17, 0x40, 0x41, 0x42], [0x02, 0x20, 0x30, 0x31, 0x33, 0x66, 0xf0, 0xf1]],
  ['grpc', grpcProxy, [2, 6, 9, 11], [1, 12, 50, 100, 104]],
] as const)('types of other directions, dialects and features are unexpected (%s)', (form, wire, own, unexpected) => {
  const kindOf = (type: number): string =>
    wire.read({ type, payload: form === 'grpc' ? encodeProto({ 1: Buffer.alloc(0) }) : Buffer.from('{}') }).kind;
  expect(own.map(kindOf)).not.toContain('unexpected');
  expect(new Set(unexpected.map(kindOf))).toEqual(new Set(['unexpected']));
});
