import type { Dialect, Received } from '@agentwire/core';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';

import { CODEC_LIMITS } from '../../src/index.ts';
import { readReference, toWire } from '../../src/messages/reference-codec.ts';
import { answer, runs } from './arbitraries.ts';
import { codecPair, FORMATS } from './codec-pair.ts';

/** Names and values of an object that may have a name twice; `escaped` spells the name with escapes where JSON can. */
type Entry = readonly [name: string, value: unknown, escaped?: boolean];
class Entries {
  readonly list: readonly Entry[];
  constructor(list: readonly Entry[]) {
    this.list = list;
  }
}

const escapes = (text: string): string =>
  Array.from(text, (letter) => `\\u${(letter.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`).join('');

function jsonOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(',')}]`;
  if (!(value instanceof Entries)) return typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? 'null');
  const entries = value.list.map(
    ([name, one, escaped]) =>
      `${escaped === true && /^[\x20-\x7e]*$/.test(name) ? `"${escapes(name)}"` : JSON.stringify(name)}:${jsonOf(one)}`,
  );
  return `{${entries.join(',')}}`;
}

const packr = new Packr({ useRecords: false, variableMapSize: true, int64AsType: 'auto' as 'bigint' });
const heads = (small: number, large: number, count: number): Buffer =>
  count < 16 ? Buffer.of(small | count) : Buffer.of(large, count >> 8, count & 0xff);

function packed(value: unknown): Buffer {
  if (Array.isArray(value)) return Buffer.concat([heads(0x90, 0xdc, value.length), ...value.map(packed)]);
  if (!(value instanceof Entries)) return packr.pack(value);
  const parts = value.list.flatMap(([name, one]) => [packr.pack(name), packed(one)]);
  return Buffer.concat([heads(0x80, 0xde, value.list.length), ...parts]);
}

const ids = { documented: [7, 70_001], zentinel: ['first', 'the second'] } as const;
const payloadOf = (encoding: string, tree: unknown): Buffer =>
  encoding === 'json' ? Buffer.from(jsonOf(tree)) : packed(tree);

interface Change {
  readonly at: number;
  readonly what: 'double' | 'escape' | 'reverse' | 'id' | 'other';
}

/** The wire object with changes that a reader must either refuse or read the same every time. */
function changed(value: unknown, changes: readonly Change[], id: unknown, place: { at: number }): unknown {
  if (Array.isArray(value)) return value.map((one) => changed(one, changes, id, place));
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || 'bits' in value) {
    return typeof value === 'object' && value !== null && 'value' in value ? value.value : value;
  }
  const at = place.at++;
  let list: Entry[] = Object.entries(value)
    .filter(([, one]) => one !== undefined)
    .map(([name, one]) => [name, changed(one, changes, id, place)]);
  for (const { at: where, what } of changes.filter((one) => one.at === at)) {
    const first = list[where % Math.max(1, list.length)];
    if (what === 'double' && first !== undefined) list.push([first[0], first[1], where % 2 === 0]);
    if (what === 'escape') list = list.map(([name, one]) => [name, one, true]);
    if (what === 'reverse') list.reverse();
    if (what === 'id') list.push([where % 2 === 0 ? 'correlation_id' : 'request_id', id, where % 3 === 0]);
    if (what === 'other') list.unshift([where % 2 === 0 ? 'correlation_id' : 'request_id', 'other', where % 3 === 0]);
  }
  return new Entries(list);
}

const changes = fc.array(
  fc.record({ at: fc.nat(8), what: fc.constantFrom<Change['what']>('double', 'escape', 'reverse', 'id', 'other') }),
  { maxLength: 4 },
);

const isSame = (got: Received | undefined, want: Received): void => {
  if (want.type !== 'malformed') return expect(got).toStrictEqual(want);
  if (want.id === undefined) return expect(got).toBeUndefined();
  expect(got).toMatchObject({ type: 'malformed', id: want.id, error: { code: want.error.code } });
};

describe.each(FORMATS)('an answer in $dialect $encoding', ({ dialect, encoding }) => {
  const format = { dialect, encoding, errors: dialect === 'documented' };

  test('is read the same each time, under any id and in any spelling', () => {
    fc.assert(
      fc.property(answer(dialect), changes, fc.boolean(), (message, made, twoIds) => {
        const [first, second] = ids[dialect];
        for (const id of [first, first, first, second, first, second]) {
          const wire = toWire({ ...message, id }, format);
          const payload = payloadOf(encoding, changed(wire, made, twoIds ? first : id, { at: 0 }));
          const want = readReference('answer', payload, 0, payload.length, format, CODEC_LIMITS);
          isSame(codecPair(dialect, encoding).proxy.read(0x20, payload, 0, payload.length), want);
        }
      }),
      runs(0.1),
    );
  });
});

const read = (dialect: Dialect, encoding: string, tree: unknown): Received | undefined => {
  const payload = payloadOf(encoding, tree);
  return codecPair(dialect, encoding).proxy.read(0x20, payload, 0, payload.length);
};
const entries = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(entries);
  if (typeof value !== 'object' || value === null || value instanceof Entries) return value;
  return new Entries(Object.entries(value).map(([name, one]) => [name, entries(one)]));
};
const answerOf = (dialect: Dialect, decision: unknown, more: readonly Entry[] = []): Entries =>
  dialect === 'documented'
    ? new Entries([['request_id', 7], ['decision', entries(decision)], ...more])
    : new Entries([
        ['version', 2],
        ['decision', entries(decision)],
        ['audit', entries({ custom: { correlation_id: '7' } })],
        ...more,
      ]);

describe.each(FORMATS)('a verdict in $dialect $encoding', ({ dialect, encoding }) => {
  const block = { block: { status: 403 } };
  test.each([
    { allow: false },
    { allow: true },
    { allow: { a: 1 } },
    { allow: [] },
    { allow: '' },
    { ...block, allow: {} },
    { foo: 1, allow: {} },
    { foo: 1, ...block },
    { block: { status: 403 }, redirect: { url: '/', status: 302 } },
    {},
    [],
    ['allow'],
    null,
    true,
    1,
    'Allow',
    'allow ',
    'block',
    { block: true },
    { block: {} },
    { redirect: { status: 302 } },
    { challenge: [] },
    new Entries([
      ['allow', new Entries([])],
      ['allow', new Entries([])],
    ]),
  ])('of the wrong shape is refused each time: %j', (decision) => {
    for (let round = 0; round < 4; round++) {
      const message = read(dialect, encoding, answerOf(dialect, decision));
      expect(message).toMatchObject({ type: 'malformed', of: 'answer', error: { code: 'ERR_PROTOCOL' } });
    }
  });

  test.each([
    [{ block: { status: 101 } }, 'status'],
    [{ block: { status: 1000 } }, 'status'],
    [{ block: { status: 403, headers: { 'a b': '1' } } }, 'name'],
    [{ block: { status: 403, headers: { a: '1\r\n' } } }, 'value'],
    [{ redirect: { url: '/', status: 200 } }, 'status'],
    [{ redirect: { url: '/', status: 304 } }, '304'],
    [{ redirect: { url: 'javascript:1', status: 302 } }, 'url'],
    [{ redirect: { url: '//e.test', status: 302 } }, 'url'],
    [{ challenge: { challenge_type: 'c', params: { a: 1 } } }, 'params'],
  ])('that is not valid is refused each time: %j', (decision, why) => {
    for (let round = 0; round < 4; round++) {
      const message = read(dialect, encoding, answerOf(dialect, decision));
      expect(message).toMatchObject({ type: 'malformed', error: { code: 'ERR_PROTOCOL' } });
      expect((message as { error: Error }).error.message).toContain(why);
    }
  });

  test.each(['allow', { allow: {} }, { allow: null }])('that allows is %j', (decision) => {
    expect(read(dialect, encoding, answerOf(dialect, decision))).toMatchObject({
      decision: { verdict: { type: 'allow' } },
    });
  });

  test('and any other name that comes twice is refused each time', () => {
    const doubled: readonly (readonly Entry[])[] = [
      [['decision', 'allow']],
      [['decision', 'allow', true]],
      [
        ['needs_more', false],
        ['needs_more', true],
      ],
      [
        ['routing_metadata', entries({})],
        ['routing_metadata', new Entries([]), true],
      ],
      [
        [
          'routing_metadata',
          new Entries([
            ['a', 'b'],
            ['a', 'c'],
          ]),
        ],
      ],
      [['request_headers', entries([{ set: { name: 'a', value: 'b' }, remove: { name: 'c' } }])]],
      [
        [
          'request_headers',
          [
            new Entries([
              [
                'set',
                new Entries([
                  ['name', 'a'],
                  ['name', 'b'],
                  ['value', 'c'],
                ]),
              ],
            ]),
          ],
        ],
      ],
      [['websocket_decision', entries({ close: { code: 1000 }, drop: {} })]],
    ];
    for (const more of doubled) {
      for (let round = 0; round < 4; round++) {
        const message = read(dialect, encoding, answerOf(dialect, { block: { status: 403 } }, more));
        expect(message, jsonOf(new Entries(more))).toMatchObject({
          type: 'malformed',
          error: { code: 'ERR_PROTOCOL' },
        });
      }
    }
  });
});

describe('two ids of one answer', () => {
  test.each(['json', 'msgpack'])('that differ belong to no request: %s', (encoding) => {
    for (let round = 0; round < 4; round++) {
      expect(read('documented', encoding, answerOf('documented', 'allow', [['request_id', 8, round % 2 === 1]]))).toBe(
        undefined,
      );
      const custom = new Entries([
        ['correlation_id', 'a'],
        ['correlation_id', 'b', round % 2 === 1],
      ]);
      const tree = new Entries([
        ['version', 2],
        ['decision', 'allow'],
        ['audit', new Entries([['custom', custom]])],
      ]);
      expect(read('zentinel', encoding, tree)).toBeUndefined();
    }
  });

  test('one of which only looks like one are told apart each time', () => {
    const answerFor = (id: string): Entries =>
      new Entries([
        ['version', 2],
        ['decision', 'allow'],
        ['routing_metadata', entries({ correlation_id: id })],
        ['audit', new Entries([['custom', new Entries([['correlation_id', 'mine', true]])]])],
      ]);
    for (const id of ['mine', 'mine', 'mine', 'other', 'mine', 'other']) {
      expect(read('zentinel', 'json', answerFor(id))).toMatchObject({
        id: 'mine',
        decision: { routingMetadata: { correlation_id: id } },
      });
    }
  });
});

describe('an event', () => {
  test('of the crate 0.6.20 may have its id twice, with one value', () => {
    const event = (second: string): Buffer =>
      packed(
        new Entries([
          ['correlation_id', 'c'],
          ['correlation_id', second],
          ['status', 200],
          ['headers', new Entries([])],
        ]),
      );
    const same = event('c');
    expect(codecPair('zentinel', 'msgpack').agent.read(0x12, same, 0, same.length)).toMatchObject({ id: 'c' });
    const other = event('d');
    expect(codecPair('zentinel', 'msgpack').agent.read(0x12, other, 0, other.length)).toBeUndefined();
  });

  test.each(['json', 'msgpack'] as const)('with any other name twice is refused: %s', (encoding) => {
    const tree = new Entries([
      ['request_id', 5],
      ['status', 200],
      ['headers', []],
      ['has_body', false],
      ['status', 204, true],
    ]);
    const payload = payloadOf(encoding, tree);
    expect(codecPair('documented', encoding).agent.read(0x12, payload, 0, payload.length)).toMatchObject({
      type: 'malformed',
      id: 5,
      error: { code: 'ERR_PROTOCOL' },
    });
  });
});

test('a decision that wider limits accept is refused where they are narrow', () => {
  const deep = `${'['.repeat(100)}${']'.repeat(100)}`;
  const payload = Buffer.from(`{"request_id":7,"decision":"allow","audit":{"custom":{"a":${deep}}}}`);
  const narrow = codecPair('documented', 'json').proxy;
  const wide = codecPair('documented', 'json', {}, { maxDepth: 256 }).proxy;
  for (let round = 0; round < 4; round++) {
    expect(wide.read(0x20, payload, 0, payload.length)).toMatchObject({ type: 'answer' });
    expect(narrow.read(0x20, payload, 0, payload.length)).toMatchObject({ type: 'malformed' });
  }
});
