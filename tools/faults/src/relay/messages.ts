import type { Change } from './relay.ts';

/** Type of a message, in every medium: the type byte of its frame. */
export type MessageNumber = number;

/** Gives the bytes that stand for one message instead of `payload`. */
export type ChangeMessage = (type: MessageNumber, payload: Buffer) => Buffer;

/** The type byte of an agent's answer. */
export const ANSWER: MessageNumber = 0x20;
/** Type bytes of the events that are answered, by the name of the event. */
export const EVENTS: Readonly<Record<string, MessageNumber>> = {
  requestHeaders: 0x10,
  requestBodyChunk: 0x11,
  responseHeaders: 0x12,
  responseBodyChunk: 0x13,
  webSocketFrame: 0x15,
  guardrailInspect: 0x16,
  configure: 0x17,
};

/** Cuts bytes into units and joins what becomes of them; a unit that is not whole yet waits. */
function byUnits(lengthOf: (bytes: Buffer) => number, change: (unit: Buffer) => Buffer): Change {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const out: Buffer[] = [];
    for (let length = lengthOf(rest); length > 0 && length <= rest.length; length = lengthOf(rest)) {
      out.push(change(rest.subarray(0, length)));
      rest = rest.subarray(length);
    }
    return Buffer.concat(out);
  };
}

/** Changes the messages of a stream transport: `u32 length`, `u8 type`, payload. */
export function changeFrames(change: ChangeMessage): Change {
  return byUnits(
    (bytes) => (bytes.length < 5 ? 0 : 4 + bytes.readUInt32BE(0)),
    (frame) => {
      const payload = change(frame[4] ?? 0, frame.subarray(5));
      const head = Buffer.alloc(5);
      head.writeUInt32BE(payload.length + 1);
      head[4] = frame[4] ?? 0;
      return Buffer.concat([head, payload]);
    },
  );
}

/** A DATA frame of HTTP/2 for stream 1. */
export function dataFrame(payload: Buffer, flags: number = 0): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[4] = flags;
  head.writeUInt32BE(1, 5);
  return Buffer.concat([head, payload]);
}

/** One DATA frame around one gRPC message. @param announced the length that stands before it, right or not */
export function grpcDataFrame(payload: Buffer, announced: number = payload.length, flags: number = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(announced, 1);
  return dataFrame(Buffer.concat([prefix, payload]), flags);
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** Field numbers of ProxyToAgent's events, by which a message is known. */
const PROXY_FIELDS: Readonly<Record<number, MessageNumber>> = {
  2: 0x10,
  3: 0x11,
  4: 0x12,
  5: 0x13,
  6: 0x15,
  7: 0x16,
  10: 0x17,
};

/** Looks at what an HTTP/2 server sends: tells when stream 1 or the connection ends. */
export function watchHttp2End(onEnd: () => void): (chunk: Buffer) => void {
  return byUnits(
    (bytes) => (bytes.length < 9 ? 0 : 9 + bytes.readUIntBE(0, 3)),
    (frame) => {
      const [type, flags = 0] = [frame[3], frame[4]];
      const [rst, goAway] = [type === 3, type === 7];
      const trailers = type === 1 && (flags & 1) === 1;
      if (goAway || (frame.readUInt32BE(5) === 1 && (rst || trailers))) onEnd();
      return Buffer.alloc(0);
    },
  );
}

/** Changes the gRPC messages in the DATA frames of stream 1, and leaves every other frame as it is. */
export function changeHttp2(direction: 'toAgent' | 'toProxy', change: ChangeMessage): Change {
  const numberOf = (payload: Buffer): MessageNumber => {
    const field = (payload[0] ?? 0) >> 3;
    if (direction === 'toAgent') return PROXY_FIELDS[field] ?? 0;
    return field === 2 ? ANSWER : 0;
  };
  let preface = direction === 'toAgent';
  let flags = 0;
  const messages = byUnits(
    (bytes) => (bytes.length < 5 ? 0 : 5 + bytes.readUInt32BE(1)),
    (message) => grpcDataFrame(change(numberOf(message.subarray(5)), message.subarray(5)), undefined, flags),
  );
  return byUnits(
    (bytes) => {
      if (preface && bytes.length >= PREFACE.length) return PREFACE.length;
      return preface || bytes.length < 9 ? 0 : 9 + bytes.readUIntBE(0, 3);
    },
    (frame) => {
      if (preface || frame[3] !== 0 || frame.length === 9) {
        preface = false;
        return frame;
      }
      flags = frame[4] ?? 0;
      return messages(frame.subarray(9));
    },
  );
}
