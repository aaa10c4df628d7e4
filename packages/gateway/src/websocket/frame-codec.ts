import type { Writable } from 'node:stream';
import * as ws from 'ws';

/** Parser of `ws`, which its types leave out. */
export type Receiver = Writable;
interface Frames {
  readonly Receiver: new (options: {
    readonly isServer: boolean;
    readonly maxPayload: number;
    readonly maxFragments: number;
    readonly maxBufferedChunks: number;
  }) => Receiver;
  readonly Sender: {
    frame(
      data: Uint8Array,
      options: {
        readonly fin: boolean;
        readonly rsv1: boolean;
        readonly opcode: number;
        readonly mask: boolean;
        readonly readOnly: boolean;
      },
    ): Uint8Array[];
  };
}
const frames = ws as unknown as Frames;
export const Receiver: Frames['Receiver'] = frames.Receiver;
export const Sender: Frames['Sender'] = frames.Sender;

/** Numbers of the frames (RFC 6455 §5.2). */
export const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

const EMPTY = Buffer.alloc(0);

/** Returns the bytes of a close frame's data. */
export function closeData(code: number, reason: Uint8Array): Buffer {
  // RFC 6455 §7.1.5: a close frame without a code
  if (code === 1005) return EMPTY;
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), reason]);
}
