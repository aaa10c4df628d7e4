import { AgentwireError, type HeaderOp, type Message } from '@agentwire/core';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';

import { byteOf } from '../../src/dialects/message-types.ts';
import { writeReference } from '../../src/messages/reference-codec.ts';
import { runs } from './arbitraries.ts';
import { codecPair, FORMATS, frameOf, openOutbox } from './codec-pair.ts';
import { samplesOf } from './samples.ts';

const MAX = 16 * 1024 * 1024;

const name = fc.oneof(
  fc.constantFrom('0', '1', '10', '01', '4294967294', '4294967295', '1e3', 'host', 'Host', '__proto__', 'constructor'),
  fc.stringMatching(/^[a-z0-9-]{1,4}$/),
);
/** Values as HTTP has them, some with the UTF-8 of further characters. */
const value = fc.oneof(
  fc.stringMatching(/^[\x20-\x7e\xa0-\xff]{0,10}$/),
  fc.constantFrom('größer', '€', '日本').map((text) => Buffer.from(text).toString('latin1')),
);
const lines = fc.array(fc.tuple(name, value), { maxLength: 12 }).map((all) => all.flat());
const wrong = fc.constantFrom(undefined, null, 5, true, ['a'], { a: 1 });

/** Messages with lists of names and values: heads of both directions, and decisions. */
function messagesOf(dialect: 'documented' | 'zentinel', list: readonly string[]): readonly Message[] {
  const all = samplesOf(dialect).map(({ message }) => message);
  const head = all.find((one) => one.type === 'requestHeaders');
  const id = dialect === 'documented' ? 7 : 'seven';
  const ops = list.flatMap((one, at): HeaderOp[] =>
    at % 2 === 0 ? [{ op: 'set', name: one, value: list[at + 1] as string }] : [],
  );
  return [
    { ...(head as Extract<Message, { type: 'requestHeaders' }>), headers: list },
    { type: 'responseHeaders', id, status: 200, headers: list, hasBody: undefined },
    { type: 'answer', id, decision: { verdict: { type: 'allow' }, requestHeaders: ops, responseHeaders: ops } },
  ];
}

describe.each(FORMATS)('$dialect $encoding', ({ dialect, encoding }) => {
  const format = { dialect, encoding, errors: dialect === 'documented' };
  const pair = codecPair(dialect, encoding);
  const written = (message: Message): Buffer => frameOf(pair[message.type === 'answer' ? 'agent' : 'proxy'], message);
  const reference = (message: Message): Buffer => {
    const outbox = openOutbox();
    const start = outbox.reserve(0);
    writeReference(message, byteOf(message.type, dialect) ?? 0, format, MAX, outbox);
    return Buffer.from(outbox.bytes.subarray(start, start + outbox.size));
  };

  test('any names and values, also twice and as whole numbers, are written alike by the two layers', () => {
    fc.assert(
      fc.property(lines, (list) => {
        for (const message of messagesOf(dialect, list)) expect(written(message)).toEqual(reference(message));
      }),
      runs(0.03),
    );
  });

  test('a list with a value of another type, or of odd length, is an error that names the field', () => {
    fc.assert(
      fc.property(lines, fc.nat(), wrong, (list, where, bad) => {
        const at = where % (list.length + 1);
        const broken = bad === undefined ? [...list, 'odd'] : list.toSpliced(at, 1, bad as unknown as string);
        const even = broken.length % 2 === 0 ? broken : [...broken, 'x'];
        for (const message of messagesOf(dialect, bad === undefined ? broken : even)) {
          const error: unknown = (() => {
            try {
              return written(message);
            } catch (thrown) {
              return thrown;
            }
          })();
          expect(error).toBeInstanceOf(AgentwireError);
          expect(error).toMatchObject({
            code: 'ERR_INVALID_ARGUMENT',
            message: expect.stringMatching(/^\w+ cannot be encoded at (request_|response_)?headers/) as string,
          });
        }
      }),
      runs(0.03),
    );
  });

  test('lines of one name stand together in the order given, names as given unless they are whole numbers', () => {
    const list = ['b', '1', 'a', '2', 'b', '3', '01', '4', 'a', '5'];
    const [, head] = messagesOf(dialect, list) as [Message, Message];
    const payload = written(head).subarray(5);
    const packr = new Packr({ useRecords: false, mapsAsObjects: false });
    const { headers } = (
      encoding === 'json'
        ? JSON.parse(payload.toString())
        : Object.fromEntries(packr.unpack(payload) as Map<string, unknown>)
    ) as { headers: object };
    const entries = headers instanceof Map ? [...(headers as Map<string, unknown>)] : Object.entries(headers);
    if (dialect === 'documented')
      expect(headers).toEqual([
        ['b', '1'],
        ['a', '2'],
        ['b', '3'],
        ['01', '4'],
        ['a', '5'],
      ]);
    else
      expect(entries).toEqual([
        ['b', ['1', '3']],
        ['a', ['2', '5']],
        ['01', ['4']],
      ]);
  });
});
