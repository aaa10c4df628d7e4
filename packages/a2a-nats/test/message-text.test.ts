import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createMessage,
  type JsonValue,
  messageToJson,
  type Payload,
  payload,
  type Target,
  target,
} from '@agentwire/a2a-router';
import { messageStart, quoted } from '../src/message-text.ts';
import { parseSubject } from '../src/subject-parts.ts';

const targets = fc.oneof<fc.Arbitrary<Target>[]>(
  fc.nat().map(target.process),
  fc.string().map(target.topic),
  fc.constantFrom(target.broadcast, target.kernel),
  fc.tuple(fc.string(), fc.string()).map(([service, method]) => target.serviceMethod(service, method)),
);
const payloads = fc.oneof<fc.Arbitrary<Payload>[]>(
  fc.string({ unit: 'binary' }).map(payload.text),
  fc.jsonValue().map((value) => payload.json(value as JsonValue)),
  fc.string().map((name) => payload.signal(name)),
  fc.uint8Array().map(payload.binary),
);
const text = fc.option(fc.oneof(fc.string(), fc.stringMatching(/^[\w-]{1,32}$/)), { nil: undefined });

describe('the text of a message', () => {
  it('is what JSON.stringify makes of messageToJson', () => {
    fc.assert(
      fc.property(
        targets,
        payloads,
        fc.double({ min: -8.64e15, max: 8.64e15, noNaN: true }),
        text,
        fc.constantFrom(undefined, 'high', 'normal'),
        fc.constantFrom(undefined, true),
        (to, body, timestamp, id, priority, durable) => {
          const message = {
            ...createMessage(3, target.kernel, body, { correlationId: id, traceId: id, priority, durable }),
            timestamp,
          };
          expect(`${messageStart(message, to)}}`).toBe(JSON.stringify(messageToJson(message, to)));
          if (id !== undefined) expect(quoted(id)).toBe(JSON.stringify(id));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('has the milliseconds of each time within a second', () => {
    for (const ms of [0, 7, 89, 123, 999, 1000, -1, -1000])
      expect(
        messageStart({ ...createMessage(1, target.kernel, payload.text('')), timestamp: ms }, target.kernel),
      ).toContain(`"timestamp":"${new Date(ms).toISOString()}"`);
  });
});

describe('the subject of an answer', () => {
  it('is read with the node of the answer before, and with another one', () => {
    const read = (subject: string): unknown => parseSubject(subject);
    const parts = (source: string, token: string): unknown => ({
      source,
      way: 'reply',
      node: 'a',
      target: undefined,
      rest: ['a', token],
    });
    expect(read('a2a.b.reply.a.one')).toEqual(parts('b', 'one'));
    expect(read('a2a.b.reply.a.two')).toEqual(parts('b', 'two'));
    expect(read('a2a.c.reply.a.two')).toEqual(parts('c', 'two'));
    for (const wrong of ['a2a.c.reply.a.t=2', 'a2a.c.reply.a.', 'a2a.c.reply.a.x.y', 'a2a.c.reply.a'])
      expect(() => read(wrong)).toThrow(expect.objectContaining({ code: 'ERR_PROTOCOL' }) as Error);
  });
});
