import { gzipSync } from 'node:zlib';
import { dataFrame, grpcDataFrame } from '../relay/messages.ts';

/** Something that a hostile HTTP/2 client sends once its stream is open. */
export interface Attack {
  readonly name: string;
  /** Connections that do it at the same time. */
  readonly connections: number;
  /** Set when it must be refused: the stream or the connection ends. */
  readonly refused: boolean;
  bytes(): readonly Buffer[];
}

const MIB = 1024 * 1024;
const RESETS = 30_000;

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** DATA frames of stream 1 that hold `bytes`, none longer than a peer must take. */
function dataFrames(bytes: Buffer): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 16_384) frames.push(dataFrame(bytes.subarray(at, at + 16_384)));
  return Buffer.concat(frames);
}

const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
/** The head of a call, in HPACK without its dynamic table. */
const CALL = Buffer.concat([
  Buffer.from([0x83, 0x86, 0x04]),
  text('/zentinel.agent.v2.AgentServiceV2/ProcessStream'),
  Buffer.from([0x01]),
  text('localhost'),
  Buffer.from([0x0f, 0x10]),
  text('application/grpc'),
  Buffer.from([0x00]),
  text('te'),
  text('trailers'),
]);

function resets(): Buffer[] {
  const cancelled = Buffer.from([0, 0, 0, 8]);
  return Array.from({ length: RESETS / 100 }, (_, block) =>
    Buffer.concat(
      Array.from({ length: 100 }, (__, at) => {
        const stream = 3 + 2 * (block * 100 + at);
        return Buffer.concat([frame(1, 4, stream, CALL), frame(3, 0, stream, cancelled)]);
      }),
    ),
  );
}

const flood = (one: Buffer): readonly Buffer[] =>
  Array.from({ length: RESETS / 100 }, () => Buffer.concat(Array.from({ length: 100 }, () => one)));

function message(flag: number, length: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head[0] = flag;
  head.writeUInt32BE(length, 1);
  return dataFrames(Buffer.concat([head, payload]));
}

/** Attacks of R13, in order. */
export const ATTACKS: readonly Attack[] = [
  {
    name: '64 × the length that comes',
    connections: 64,
    refused: false,
    bytes: () => [grpcDataFrame(Buffer.alloc(16_000), 64 * 16_000)],
  },
  {
    name: 'compressed bomb',
    connections: 4,
    refused: true,
    bytes: () => {
      const bomb = gzipSync(Buffer.alloc(64 * MIB));
      return [message(1, bomb.length, bomb)];
    },
  },
  { name: '10 MiB + 1', connections: 1, refused: true, bytes: () => [message(0, 10 * MIB + 1, Buffer.alloc(16_000))] },
  { name: 'rapid reset', connections: 1, refused: true, bytes: resets },
  { name: 'SETTINGS flood', connections: 1, refused: false, bytes: () => flood(frame(4, 0, 0, Buffer.alloc(0))) },
  { name: 'PING flood', connections: 1, refused: false, bytes: () => flood(frame(6, 0, 0, Buffer.alloc(8))) },
];
