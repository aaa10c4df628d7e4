import type { Socket } from 'node:net';
import { closeRaw, connectRaw, listenRaw, readFrames } from '../raw/frames.ts';
import { Slots } from '../raw/slots.ts';
import { TickWriter } from '../raw/tick-writer.ts';
import type { Stack } from './stack.ts';

const CHUNKS_PER_BODY = 16;
const CHUNK_BYTES = 64 * 1024;
/** Bytes in front of a frame's content: its length. */
const LENGTH_BYTES = 4;
/** Bytes in front of a chunk: length, number of the question. */
const HEAD_BYTES = 8;

/** Cuts what comes into frames, each gathered in a memory of its own, and frees all that was read and taken: what is needed at least. */
function gatherFrames(socket: Socket, onFrame: (frame: Buffer) => void): void {
  const length = Buffer.allocUnsafeSlow(LENGTH_BYTES);
  let lengthBytes = 0;
  let frame: Buffer<ArrayBuffer> | undefined;
  let have = 0;
  socket.on('data', (data: Buffer<ArrayBuffer>) => {
    for (let at = 0; at < data.length;) {
      if (frame === undefined) {
        while (lengthBytes < LENGTH_BYTES && at < data.length) length[lengthBytes++] = data[at++] as number;
        if (lengthBytes < LENGTH_BYTES) break;
        lengthBytes = 0;
        have = 0;
        frame = Buffer.allocUnsafeSlow(length.readUInt32BE());
      }
      const end = Math.min(data.length, at + frame.length - have);
      have += data.copy(frame, have, at, end);
      at = end;
      if (have < frame.length) break;
      const whole = frame;
      frame = undefined;
      onFrame(whole);
      whole.buffer.transfer(0);
    }
    data.buffer.transfer(0);
  });
}

/** Yardstick: the same chunks in frames by hand, each answered by a frame with its number, without any protocol. */
export const bareChunks: Stack = {
  name: 'bare-chunks',
  place: 'uds',
  serve: (where) =>
    listenRaw(where, (socket) => {
      const writer = new TickWriter(socket);
      gatherFrames(socket, (frame) => {
        const at = writer.reserve(HEAD_BYTES);
        writer.bytes.writeUInt32BE(frame.readUInt32BE(), at + LENGTH_BYTES);
        writer.commit(at + HEAD_BYTES);
      });
    }),
  async connect(address) {
    const socket = await connectRaw(address);
    const slots = new Slots<undefined>();
    const data = Buffer.alloc(CHUNK_BYTES, 'a body that compresses well, were it compressed. ');
    const send = (slot: number): void => {
      const head = Buffer.allocUnsafe(HEAD_BYTES);
      head.writeUInt32BE(HEAD_BYTES - LENGTH_BYTES + CHUNK_BYTES);
      head.writeUInt32BE(slot, LENGTH_BYTES);
      socket.cork();
      socket.write(head);
      socket.write(data);
      process.nextTick(() => socket.uncork());
    };
    readFrames(socket, (chunk, start) => slots.settle(chunk.readUInt32BE(start), undefined));
    const ask = async (): Promise<void> => {
      await Promise.all(Array.from({ length: CHUNKS_PER_BODY }, () => slots.ask(send)));
    };
    return { ask, close: () => closeRaw(socket) };
  },
};
