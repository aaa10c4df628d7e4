import type { RawMessage } from '../raw/receive-queue.ts';
import { encodeProto, type ProtoFields, ProtoMessage } from '../raw/protobuf.ts';
import type { ProxyEvent, ProxyWire } from './proxy-wire.ts';

const KINDS: Readonly<Record<number, ProxyEvent['kind']>> = {
  2: 'head',
  3: 'requestChunk',
  4: 'responseHeaders',
  5: 'responseChunk',
  9: 'cancel',
};
/** Highest message number that proxies send; numbers from 100 are only for agents that announced support. */
const LAST = 11;
const message = (type: number, fields: ProtoFields): RawMessage => ({ type, payload: encodeProto(fields) });

function reply(version: number, error: string | undefined): RawMessage {
  const features = encodeProto({ 1: true, 6: 100, 7: true });
  const limits = encodeProto({ 1: 10_485_760, 2: 100, 3: 65_536 });
  const events = Buffer.from([1, 2, 3, 4]);
  const capabilities = encodeProto({ 1: 2, 2: 'conform', 3: 'conform', 4: '0', 5: events, 6: features, 7: limits });
  return message(1, { 1: version, 2: capabilities, 3: error === undefined, 4: error });
}

function headProblems(from: ProtoMessage): string[] {
  const metadata = from.message(1);
  const missing = (name: string, text: string | undefined): string[] =>
    text === undefined || text === '' ? [`${name} is missing`] : [];
  return [
    ...missing('method', from.text(2)),
    ...missing('uri', from.text(3)),
    ...missing('metadata.client_ip', metadata?.text(3)),
    ...missing('metadata.protocol', metadata?.text(6)),
    ...(metadata === undefined || metadata.number(10) === 0 ? ['metadata.timestamp_ms is missing'] : []),
  ];
}

function read({ type, payload }: RawMessage): ProxyEvent {
  const from = new ProtoMessage(payload);
  const kind = KINDS[type] ?? (type > 1 && type <= LAST ? 'other' : 'unexpected');
  const id = kind === 'head' ? from.message(1)?.text(1) : from.text(1);
  const problems = KINDS[type] !== undefined && (id ?? '') === '' ? ['it has no id'] : [];
  if (kind === 'head') problems.push(...headProblems(from));
  return {
    kind,
    type,
    id: KINDS[type] === undefined ? '' : (id ?? ''),
    uri: kind === 'head' ? (from.text(3) ?? '') : '',
    index: from.number(2),
    last: from.number(4) === 1,
    bytes: kind === 'requestChunk' || kind === 'responseChunk' ? (from.bytes(3) ?? Buffer.alloc(0)) : Buffer.alloc(0),
    echo: '',
    problems,
  };
}

/** Agent end over gRPC. */
export const grpcProxy: ProxyWire = {
  form: 'grpc',
  helloProblems({ type, payload }) {
    const from = new ProtoMessage(payload);
    return [
      ...(type === 1 ? [] : ['the first message is no handshake']),
      ...(from.numberList(1).includes(2) ? [] : ['supported_versions has no 2']),
      ...(from.text(2) === undefined ? ['proxy_id is missing'] : []),
    ];
  },
  accept: () => reply(2, undefined),
  refuse: (reason) => reply(2, reason),
  otherVersion: () => reply(3, undefined),
  read,
  answer(id, { block, more = false }) {
    const decision = block === undefined ? { 2: Buffer.alloc(0) } : { 3: encodeProto({ 1: block, 2: 'conform' }) };
    return message(2, { 1: id, ...decision, 14: more });
  },
  // a header operation whose bytes are no message
  brokenAnswer: (id) => message(2, { 1: id, 2: Buffer.alloc(0), 10: Buffer.from([0xff]) }),
  unknown: () => message(99, { 1: 'x' }),
  wrongDirection: (id) => message(LAST, { 1: id, 2: Buffer.alloc(0) }),
};
