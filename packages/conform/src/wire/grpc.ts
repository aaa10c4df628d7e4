import type { RawMessage } from '../raw/receive-queue.ts';
import { encodeProto, type ProtoFields, ProtoMessage } from '../raw/protobuf.ts';
import { textId } from './ids.ts';
import type { AgentAnswer, ChunkFields, HandshakeAnswer, AgentMessage, Wire } from './wire.ts';

const REPORTS: ReadonlySet<number> = new Set([3, 4, 5, 6, 8]);
const VERDICTS: Readonly<Record<number, AgentAnswer['verdict']>> = {
  2: 'allow',
  3: 'block',
  4: 'redirect',
  5: 'challenge',
};
const TIMESTAMP_MS = 1_700_000_000_000n;

const message = (type: number, fields: ProtoFields): RawMessage => ({ type, payload: encodeProto(fields) });
const header = (name: string, value: string): Buffer => encodeProto({ 1: name, 2: value });

function chunk(type: number, id: string, { index, text, last }: ChunkFields): RawMessage {
  const data = Buffer.from(text);
  return message(type, { 1: id, 2: index, 3: data, 4: last, 6: data.length, 8: TIMESTAMP_MS });
}

function readHello({ type, payload }: RawMessage): HandshakeAnswer {
  const from = new ProtoMessage(payload);
  const capabilities = from.message(2);
  const accepted = from.number(3) === 1;
  const problems: string[] = [];
  if (type !== 1) problems.push(`the first message is field ${type}, not the handshake (1)`);
  if (accepted && from.number(1) !== 2) problems.push(`protocol_version is ${from.number(1)}`);
  if (accepted && capabilities === undefined) problems.push('capabilities are missing');
  if (accepted && capabilities?.text(3) === undefined) problems.push('capabilities.name is missing');
  if (accepted && capabilities?.has(6) === false) problems.push('capabilities.features is missing');
  if (accepted && capabilities?.has(7) === false) problems.push('capabilities.limits is missing');
  if (accepted && capabilities?.numberList(5).length === 0) problems.push('capabilities.supported_events is empty');
  return {
    accepted,
    error: from.text(4),
    encoding: 'protobuf',
    form: 'grpc',
    agent: capabilities?.text(3) ?? 'undefined',
    problems,
  };
}

function operations(from: ProtoMessage, number: number, problems: string[]): string[] {
  return from.all(number).map((bytes) => {
    const operation = new ProtoMessage(bytes);
    const [kind] = operation.numbers;
    if (kind === 3) return `remove ${operation.text(3)}`;
    const name = kind === 1 || kind === 2 ? operation.message(kind)?.text(1) : undefined;
    if (name === undefined) problems.push('a header operation has no name');
    return `${kind === 1 ? 'set' : 'add'} ${name}`;
  });
}

function readAnswer(payload: Buffer): AgentAnswer {
  const from = new ProtoMessage(payload);
  const problems: string[] = [];
  const [verdict, ...others] = Object.keys(VERDICTS).filter((number) => from.has(Number(number)));
  if (others.length > 0) problems.push('several decisions in one answer');
  const failed = from.has(104);
  if (verdict === undefined && !failed) problems.push('the decision is missing');
  const decided = verdict === undefined ? undefined : from.message(Number(verdict));
  const status = verdict === '3' ? decided?.number(1) : verdict === '4' ? decided?.number(2) : undefined;
  const mutation = from.message(100) ?? from.message(101);
  return {
    kind: 'answer',
    id: from.text(1) ?? '',
    verdict: failed ? 'error' : (VERDICTS[Number(verdict)] ?? 'unknown'),
    status,
    needsMore: from.number(14) === 1,
    mutates: mutation?.number(2),
    operations: [...operations(from, 10, problems)],
    problems,
  };
}

function read({ type, payload }: RawMessage): AgentMessage {
  if (type === 2) return readAnswer(payload);
  if (type === 7) {
    const pong = new ProtoMessage(payload);
    return { kind: 'pong', echo: `${pong.number(1)} ${pong.number(2)}` };
  }
  if (REPORTS.has(type) || type >= 100) return { kind: 'report', type };
  return { kind: 'unexpected', type, what: `field ${type} of AgentToProxy` };
}

/** Protobuf over gRPC, without a library. */
export const grpc: Wire = {
  form: 'grpc',
  hello({ version = 2, extra } = {}) {
    const more = extra === true ? { 999: 'unknown' } : {};
    return message(1, { 1: version, 2: 'agentwire-conform', 3: '0', 4: '{}', ...more });
  },
  readHello,
  id: textId,
  head(id, { uri, method = 'GET', headers = ['host', 'conform.test'] }, extra) {
    const metadata = encodeProto({ 1: id, 2: 'conform', 3: '192.0.2.1', 4: 4711, 6: 'HTTP/1.1', 10: TIMESTAMP_MS });
    const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [header(name, headers[at + 1] ?? '')] : []));
    const more = extra === true ? { 999: 'unknown' } : {};
    return message(2, { 1: metadata, 2: method, 3: uri, 4: 'HTTP/1.1', 5: lines, ...more });
  },
  requestChunk: (id, fields) => chunk(3, id, fields),
  responseHeaders: (id, status) => message(4, { 1: id, 2: status, 3: [header('content-type', 'text/plain')] }),
  responseChunk: (id, fields) => chunk(5, id, fields),
  cancel: (id) => message(9, { 1: id, 2: 1, 3: TIMESTAMP_MS }),
  ping: (sequence) => message(11, { 1: sequence, 2: TIMESTAMP_MS }),
  echoOf: (sequence) => `${sequence} ${TIMESTAMP_MS}`,
  // a method that is no UTF-8 text
  brokenHead: (id) =>
    message(2, { 1: encodeProto({ 1: id, 2: 'conform', 6: 'HTTP/1.1' }), 2: Buffer.from([0xff, 0xfe]), 3: '/' }),
  unknown: () => ({ type: 99, payload: encodeProto({ 1: 'x' }) }),
  wrongDirection: () => ({ type: 8, payload: Buffer.from([0xff, 0xff, 0xff]) }),
  read,
};
