import { AgentwireError, type Message, type Received } from '@agentwire/core';
import { describe, expect, test } from 'vitest';

import { createMessageCodec } from '../../src/index.ts';
import { MAX_BUFFERED_BYTES } from '../../src/internal.ts';
import { codecPair, FORMATS, frameOf, openOutbox, peerOf, readFrame } from './codec-pair.ts';
import { samplesOf } from './samples.ts';

const json = (text: string): Buffer => Buffer.from(text);
const codeOf = (run: () => unknown): string | undefined => {
  try {
    run();
  } catch (error) {
    return error instanceof AgentwireError ? error.code : String(error);
  }
  return undefined;
};

describe('bytes of the type', () => {
  test.each([
    ['documented', 'agent', 0x20, 'wrong side'],
    ['documented', 'agent', 0x32, 'zentinel dialect'],
    ['documented', 'agent', 0x01, 'handshake'],
    ['zentinel', 'proxy', 0x40, 'wrong side'],
    ['zentinel', 'proxy', 0xf0, 'documented dialect'],
  ] as const)('%s %s ends at 0x%s', (dialect, role, byte, why) => {
    const codec = createMessageCodec({ role, peer: peerOf(dialect, 'json', role === 'agent' ? 'proxy' : 'agent') });
    expect(() => codec.read(byte, json('{}'), 0, 2)).toThrow(why);
    expect(codeOf(() => codec.read(byte, json('{}'), 0, 2))).toBe('ERR_PROTOCOL');
  });

  test('of a feature that was not negotiated end the connection', () => {
    const codec = createMessageCodec({ role: 'proxy', peer: peerOf('documented', 'json', 'agent', { features: [] }) });
    expect(() => codec.read(0x40, json('{}'), 0, 2)).toThrow('feature health was not negotiated');
  });

  test('that are unknown are skipped, counted and logged once', () => {
    const lines: string[] = [];
    const log = (_fields: unknown, line: string): void => void lines.push(line);
    const codec = createMessageCodec({
      role: 'proxy',
      peer: peerOf('documented', 'json', 'agent'),
      logger: { debug: log, info: log, warn: log, error: log },
    });
    for (let i = 0; i < 3; i++) expect(codec.read(0x77, json('x'), 0, 1)).toBeUndefined();
    expect(codec.stats.unknownTypes).toBe(3);
    expect(lines).toHaveLength(1);
  });
});

describe('ids', () => {
  test.each(FORMATS)(
    'end the connection at the 16th unreadable in a row: $dialect $encoding',
    ({ dialect, encoding }) => {
      const { proxy, agent } = codecPair(dialect, encoding);
      const bad = Buffer.from(encoding === 'json' ? '{}' : '80', encoding === 'json' ? 'utf8' : 'hex');
      const [good] = samplesOf(dialect);
      for (let i = 0; i < 15; i++) expect(agent.read(0x10, bad, 0, bad.length)).toBeUndefined();
      readFrame(agent, frameOf(proxy, good?.message as Message));
      for (let i = 0; i < 15; i++) expect(agent.read(0x10, bad, 0, bad.length)).toBeUndefined();
      expect(codeOf(() => agent.read(0x10, bad, 0, bad.length))).toBe('ERR_PROTOCOL');
      expect(agent.stats.unreadable).toBe(31);
    },
  );

  test('past 2^53 are echoed exactly', () => {
    const { agent } = codecPair('documented', 'json');
    const payload = json('{"chunk_index":0,"data":"","is_last":true,"request_id":9007199254740993}');
    const received = agent.read(0x11, payload, 0, payload.length) as Received & { id: bigint };
    expect(received.id).toBe(9_007_199_254_740_993n);
    expect(
      frameOf(agent, { type: 'answer', id: received.id, decision: { verdict: { type: 'allow' } } }).toString(),
    ).toContain('"request_id":9007199254740993,');
  });
});

describe('content', () => {
  const documented = (changes: string): string =>
    `{"request_id":5,"status":200,"headers":[],"has_body":false${changes}`;
  test.each([
    ['no JSON', '{"request_id":5,"status":'],
    ['a status of 99', documented(',"status":99}')],
    ['a value with a line break', documented(',"headers":[["x","a\\r\\nb: c"]]}')],
    ['a name with a space', documented(',"headers":[["x y","a"]]}')],
    ['half a surrogate pair', '{"request_id":5,"status":200,"has_body":false,"headers":[["x","\\ud800"]]}'],
    ['33 levels', documented(`,"x":${'['.repeat(33)}${']'.repeat(33)}}`)],
    ['10 001 values', documented(`,"x":[${'1,'.repeat(10_001)}1]}`)],
    ['1 001 header lines', documented(`,"headers":[${Array.from({ length: 1001 }, () => '["a","b"]').join(',')}]}`)],
    ['more than 1 MiB', documented(`,"x":"${'a'.repeat(1024 * 1024)}"}`)],
  ])('with %s fails under its own id', (_what, text) => {
    const { agent } = codecPair('documented', 'json');
    const received = agent.read(0x12, json(text), 0, Buffer.byteLength(text));
    expect(received).toMatchObject({ type: 'malformed', of: 'responseHeaders', id: 5 });
    expect((received as { error: AgentwireError }).error.code).toMatch(/ERR_PROTOCOL|ERR_MESSAGE_TOO_LARGE/);
  });

  test('that is not UTF-8 fails and is never repaired', () => {
    const { agent } = codecPair('documented', 'json');
    const payload = Buffer.concat([
      json('{"request_id":5,"status":200,"has_body":false,"headers":[["x","'),
      Buffer.from([0xc3, 0x28]),
      json('"]]}'),
    ]);
    expect(agent.read(0x12, payload, 0, payload.length)).toMatchObject({ type: 'malformed', id: 5 });
  });

  test('is never part of the error', () => {
    const { agent } = codecPair('documented', 'json');
    const payload = json('{"request_id":5,"status":200,"has_body":"s3cret","headers":[["x","s3cret\\u0000"]]}');
    const received = agent.read(0x12, payload, 0, payload.length) as { error: AgentwireError };
    expect(JSON.stringify([received.error.message, received.error.detail])).not.toContain('s3cret');
  });

  test('with a key called __proto__ changes no prototype', () => {
    for (const { dialect, encoding } of FORMATS) {
      const { proxy, agent } = codecPair(dialect, encoding);
      const id = dialect === 'documented' ? 1 : 'a';
      const config = JSON.parse('{"config":{"__proto__":{"polluted":true}}}') as object;
      const received = readFrame(agent, frameOf(proxy, { type: 'configure', id, config })) as { config: object };
      expect(Object.getPrototypeOf(received.config)).toBe(Object.prototype);
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    }
  });
});

describe('bombs', () => {
  test.each(FORMATS)('cost one scan: $dialect $encoding', ({ dialect, encoding }) => {
    const { agent } = codecPair(dialect, encoding);
    const size = 16 * 1024 * 1024 - 1;
    const bombs =
      encoding === 'json'
        ? ['[', '[1,', '"\\"', '{"a":'].map((part) => Buffer.alloc(size, part))
        : [0x91, 0x81, 0xdd, 0xc1].map((byte) => Buffer.alloc(size, byte));
    for (const bomb of bombs) {
      const start = process.cpuUsage();
      expect(agent.read(0x11, bomb, 0, bomb.length)).toBeUndefined();
      const { user, system } = process.cpuUsage(start);
      // 100 ms on a quiet machine; this bound only tells a scan from quadratic work
      expect(user + system).toBeLessThan(2_000_000);
    }
    expect(agent.stats.unreadable).toBe(4);
  });
});

describe('write', () => {
  const chunk = (length: number): Message => ({
    type: 'requestBodyChunk',
    id: 1,
    index: 0,
    data: Buffer.alloc(length),
    last: false,
  });

  test('refuses a message longer than the peer accepts, and leaves nothing in the outbox', () => {
    for (const encoding of ['json', 'msgpack']) {
      const codec = createMessageCodec({
        role: 'proxy',
        peer: peerOf('documented', encoding, 'agent', { maxMessageBytes: 2000 }),
      });
      const outbox = openOutbox();
      expect(codeOf(() => codec.write(chunk(3000), outbox))).toBe('ERR_MESSAGE_TOO_LARGE');
      expect(outbox.size).toBe(0);
    }
  });

  test('refuses events past 8 MiB, but never an answer, and one message always fits', () => {
    const { proxy, agent } = codecPair('documented', 'msgpack');
    const outbox = openOutbox();
    expect(proxy.write(chunk(10 * 1024 * 1024), outbox)).toBe(false);
    expect(outbox.size).toBeGreaterThan(MAX_BUFFERED_BYTES);
    const before = outbox.size;
    expect(codeOf(() => proxy.write(chunk(1), outbox))).toBe('ERR_OVERLOADED');
    expect(outbox.size).toBe(before);
    agent.write({ type: 'answer', id: 1, decision: { verdict: { type: 'allow' } } }, outbox);
    proxy.write({ type: 'cancel', id: 1 }, outbox);
    proxy.write({ type: 'ping', sequence: 1, timestampMs: 1 }, outbox);
    expect(outbox.size).toBeGreaterThan(before);
  });

  test('keeps a 1 KiB chunk small', () => {
    expect(frameOf(codecPair('documented', 'json').proxy, chunk(1024)).length).toBeLessThanOrEqual(1450);
    expect(frameOf(codecPair('documented', 'msgpack').proxy, chunk(1024)).length).toBeLessThanOrEqual(1075);
  });

  test('has no cancelAll in the zentinel dialect', () => {
    expect(codeOf(() => frameOf(codecPair('zentinel', 'json').proxy, { type: 'cancelAll' }))).toBe('ERR_UNSUPPORTED');
  });

  test('replaces an error by a block for peers without feature errors', () => {
    const { agent, proxy } = codecPair('documented', 'json', { features: [] });
    const decision = { verdict: { type: 'allow' as const }, error: { code: 'ERR_OVERLOADED', message: 'busy' } };
    expect(readFrame(proxy, frameOf(agent, { type: 'answer', id: 1, decision }))).toMatchObject({
      decision: { verdict: { type: 'block', status: 503 }, audit: { reasonCodes: ['agentwire:ERR_OVERLOADED'] } },
    });
  });

  test('writes half a surrogate pair as U+FFFD', () => {
    for (const { dialect, encoding } of FORMATS) {
      const { proxy, agent } = codecPair(dialect, encoding);
      const message = { type: 'requestBodyChunk', index: 0, data: Buffer.alloc(0), last: true } as const;
      const [sample] = samplesOf(dialect);
      const event = { ...(sample?.message as Extract<Message, { type: 'requestHeaders' }>), uri: '/\ud800' };
      expect(readFrame(agent, frameOf(proxy, event))).toMatchObject({ uri: '/\ufffd' });
      expect(message.last).toBe(true);
    }
  });

  test('throws for a value that cannot be written', () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    for (const { dialect, encoding } of FORMATS) {
      const id = dialect === 'documented' ? 1 : 'a';
      expect(codeOf(() => frameOf(codecPair(dialect, encoding).proxy, { type: 'configure', id, config: loop }))).toBe(
        'ERR_INVALID_ARGUMENT',
      );
    }
    expect(codeOf(() => frameOf(codecPair('documented', 'json').proxy, { ...chunk(1), id: 'text' } as Message))).toBe(
      'ERR_INVALID_ARGUMENT',
    );
  });

  test('carries bigints inside of values exactly', () => {
    for (const { dialect, encoding } of FORMATS) {
      const { agent, proxy } = codecPair(dialect, encoding);
      const id = dialect === 'documented' ? 1 : 'a';
      const decision = { verdict: { type: 'allow' as const }, audit: { custom: { big: 2n ** 60n + 1n } } };
      const frame = frameOf(agent, { type: 'answer', id, decision });
      if (encoding === 'json') expect(frame.toString()).toContain('"big":1152921504606846977');
      else expect(readFrame(proxy, frame)).toMatchObject({ decision: { audit: { custom: { big: 2n ** 60n + 1n } } } });
    }
  });
});
