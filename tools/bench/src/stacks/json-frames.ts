import { closeRaw, connectRaw, listenRaw, readFrames } from '../raw/frames.ts';
import { Slots } from '../raw/slots.ts';
import { TickWriter } from '../raw/tick-writer.ts';
import type { Stack } from './stack.ts';
import { eventOf } from './workload.ts';
import { textOf } from '../raw/buffer-text.ts';

interface Answer {
  readonly id: number;
}

function sender(writer: TickWriter): (value: object) => void {
  return (value) => {
    const text = JSON.stringify(value);
    const at = writer.reserve(4 + text.length * 3);
    writer.commit(at + 4 + textOf(writer.bytes).utf8Write(text, at + 4));
  };
}

function parse(chunk: Buffer, start: number, end: number): unknown {
  return JSON.parse(textOf(chunk).utf8Slice(start, end));
}

const ANSWER = {
  verdict: { type: 'allow' },
  requestHeaders: [{ op: 'set', name: 'x-agent', value: 'allow' }],
  responseHeaders: [],
  audit: { tags: ['seen'], ruleIds: [], reasonCodes: [] },
  needsMore: false,
};

/** Yardstick: `JSON.stringify` and `JSON.parse` in frames on a socket, without any protocol. */
export const jsonFrames: Stack = {
  name: 'json-frames',
  place: 'uds',
  serve: (where) =>
    listenRaw(where, (socket) => {
      const send = sender(new TickWriter(socket));
      readFrames(socket, (chunk, start, end) => {
        const { id } = parse(chunk, start, end) as Answer;
        send({ id, ...ANSWER });
      });
    }),
  async connect(address) {
    const socket = await connectRaw(address);
    const slots = new Slots<Answer>();
    const send = sender(new TickWriter(socket));
    readFrames(socket, (chunk, start, end) => {
      const answer = parse(chunk, start, end) as Answer;
      slots.settle(answer.id, answer);
    });
    return { ask: (n) => slots.ask((id) => send({ id, ...eventOf(n) })), close: () => closeRaw(socket) };
  },
};
