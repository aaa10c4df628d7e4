import { closeRaw, connectRaw, listenRaw, readFrames } from '../raw/frames.ts';
import { ANSWER, EventReader, eventText } from '../raw/hand-msgpack.ts';
import { Slots } from '../raw/slots.ts';
import { TickWriter } from '../raw/tick-writer.ts';
import type { Stack } from './stack.ts';
import { eventOf } from './workload.ts';
import { textOf } from '../raw/buffer-text.ts';

const DECISION = {
  verdict: { type: 'allow' },
  requestHeaders: [{ op: 'set', name: 'x-agent', value: 'allow' }],
  audit: { tags: ['seen'] },
};
/** Length of a frame's length and of the id behind it. */
const PREFIX_BYTES = 8;
const MAX_EVENT_BYTES = 16 * 1024;

/** Yardstick: MessagePack by hand for just this workload, with an answer that both ends know by its bytes. */
export const handMsgpack: Stack = {
  name: 'hand-msgpack',
  place: 'uds',
  serve: (where) =>
    listenRaw(where, (socket) => {
      const writer = new TickWriter(socket);
      const events = new EventReader();
      readFrames(socket, (chunk, start) => {
        const event = events.read(chunk, start + 4);
        if (event.uri === '') return;
        const at = writer.reserve(PREFIX_BYTES + ANSWER.length);
        chunk.copy(writer.bytes, at + 4, start, start + 4);
        writer.bytes.set(ANSWER, at + PREFIX_BYTES);
        writer.commit(at + PREFIX_BYTES + ANSWER.length);
      });
    }),
  async connect(address) {
    const socket = await connectRaw(address);
    const writer = new TickWriter(socket);
    const slots = new Slots<typeof DECISION>();
    readFrames(socket, (chunk, start, end) => {
      if (ANSWER.compare(chunk, start + 4, end) === 0) slots.settle(chunk.readUInt32BE(start), DECISION);
    });
    const send = (id: number, n: number): void => {
      const at = writer.reserve(MAX_EVENT_BYTES);
      writer.bytes.writeUInt32BE(id, at + 4);
      writer.commit(at + PREFIX_BYTES + textOf(writer.bytes).latin1Write(eventText(eventOf(n)), at + PREFIX_BYTES));
    };
    return { ask: (n) => slots.ask((id) => send(id, n)), close: () => closeRaw(socket) };
  },
};
