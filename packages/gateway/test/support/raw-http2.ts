import { once } from 'node:events';
import { connect } from 'node:net';
import { onTestFinished } from 'vitest';

export const FRAME = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const FLAG = { endStream: 1, ack: 1, endHeaders: 4 } as const;
export const CODE = { none: 0, protocol: 1, internal: 2, refused: 7, cancel: 8, enhanceYourCalm: 11 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

function integer(value: number, prefix: number): number[] {
  const max = 2 ** prefix - 1;
  if (value < max) return [value];
  const bytes = [max];
  let rest = value - max;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

const text = (value: string): Buffer =>
  Buffer.concat([Buffer.from(integer(value.length, 7)), Buffer.from(value, 'latin1')]);

/** Encodes a header block as literals, byte for byte: nothing is checked, put in lower case or in order. */
export function block(...lines: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(lines.map(([name, value]) => Buffer.concat([Buffer.from([0]), text(name), text(value)])));
}

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.byteLength, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Pseudo headers of a GET. */
export const GET: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'example.test'],
];

/** Client that writes frames as they are given. */
export interface RawHttp2Client {
  readonly frames: readonly Frame[];
  send(...parts: readonly Uint8Array[]): void;
  /** Sends HEADERS that end the stream. */
  get(stream: number, ...lines: readonly (readonly [string, string])[]): void;
  /** Waits for a frame. @returns it, or `undefined` where the connection has ended without one */
  until(matches: (frame: Frame) => boolean): Promise<Frame | undefined>;
  closed(): Promise<void>;
}

/** Connects without TLS, with the preface and empty settings. */
export async function rawHttp2(url: string): Promise<RawHttp2Client> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.setMaxListeners(0);
  onTestFinished(() => void socket.destroy());
  const frames: Frame[] = [];
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (part: Buffer) => {
    rest = Buffer.concat([rest, part]);
    while (rest.length >= 9 && rest.length >= 9 + rest.readUIntBE(0, 3)) {
      const end = 9 + rest.readUIntBE(0, 3);
      const [type = 0, flags = 0] = rest.subarray(3, 5);
      frames.push({ type, flags, stream: rest.readUInt32BE(5), payload: rest.subarray(9, end) });
      rest = rest.subarray(end);
    }
    socket.emit('more');
  });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const send = (...parts: readonly Uint8Array[]): void => void socket.write(Buffer.concat(parts));
  send(Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(FRAME.settings, 0, 0));
  return {
    frames,
    send,
    get: (stream, ...lines) => send(frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, stream, block(...lines))),
    async until(matches) {
      for (;;) {
        const found = frames.find(matches);
        if (found !== undefined || socket.closed) return found;
        await Promise.race([once(socket, 'more'), once(socket, 'close')]);
      }
    },
    async closed() {
      if (!socket.closed) await once(socket, 'close');
    },
  };
}

/** Error code of a RST_STREAM or GOAWAY. */
export function codeOf({ type, payload }: Frame): number {
  return payload.readUInt32BE(type === FRAME.goaway ? 4 : 0);
}
