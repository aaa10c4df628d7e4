import { randomBytes } from 'node:crypto';
import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib';
import type { Decision, Logger } from '@agentwire/core';
import { describe, expect, test } from 'vitest';
import { type AgentDefinition, allow, block, redirect } from '../../src/index.ts';
import { chunk, head, response, settled } from '../events.ts';
import { OURS, RELEASED } from '../fake-connection.ts';
import { start } from '../runtime/start.ts';

/** Lets zlib's threads finish: it answers after several turns of the event loop. */
async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1_000_000 && !condition(); turn++) await settled();
  expect(condition()).toBe(true);
}

interface Sent {
  /** Answers to the chunks, after the one to the head. */
  readonly answers: Decision[];
  /** Body as the proxy passes it on. */
  readonly body: Buffer;
  readonly head: Decision;
}

/** Sends a request with these chunks to an agent, as a proxy does that waits for each answer. */
async function send(
  definition: Partial<AgentDefinition>,
  chunks: readonly (string | Uint8Array)[],
  headers: readonly string[] = [],
): Promise<Sent> {
  const at = start({ requestBody: true, ...definition }).connect();
  at.receive(head(1, { headers: ['Host', 'x', 'Digest', 'sha-256=x', ...headers] }));
  await until(() => at.answers.length === 1);
  const passed: Uint8Array[] = [];
  let more = (at.answers[0] as Decision).needsMore === true;
  for (const [index, data] of chunks.entries()) {
    const bytes = Buffer.from(data);
    const last = index === chunks.length - 1;
    if (!more) {
      passed.push(bytes);
      continue;
    }
    at.receive({ ...chunk(1, index, '', last), data: bytes });
    await until(() => at.answers.length === index + 2);
    const answer = at.answers[index + 1] as Decision;
    passed.push(answer.requestBodyMutation?.data ?? bytes);
    more = answer.needsMore === true;
    if (answer.verdict.type !== 'allow') break;
  }
  const [first, ...rest] = at.answers as Decision[];
  return { head: first as Decision, answers: rest, body: Buffer.concat(passed) };
}

const REMOVED = [{ op: 'remove', name: 'digest' }];

describe('replacing a body', () => {
  test('that was held puts the new one in the place of all of it, and nothing passes before', async () => {
    const {
      answers,
      body,
      head: first,
    } = await send(
      {
        async onRequestHeaders(request) {
          const text = await request.text({ hold: true });
          return allow().replaceBody(text.toUpperCase()).withTag('changed');
        },
      },
      ['ab', 'cd', 'ef'],
    );
    expect(first).toMatchObject({ needsMore: true, requestHeaders: REMOVED });
    expect(answers.map((answer) => answer.requestBodyMutation?.data?.byteLength)).toEqual([0, 0, 6]);
    expect(answers[2]).toMatchObject({ audit: { tags: ['changed'] } });
    expect(body.toString()).toBe('ABCDEF');
  });

  test('is none where the handler only allows: all that was held passes', async () => {
    const { body } = await send(
      {
        async onRequestHeaders(request) {
          await request.bytes({ hold: true });
          return allow();
        },
      },
      ['ab', 'cd', 'ef'],
    );
    expect(body.toString()).toBe('abcdef');
  });

  test('drops it where the body was not read', async () => {
    const { body } = await send({ onRequestHeaders: () => allow().replaceBody('new') }, ['ab', 'cd']);
    expect(body.toString()).toBe('new');
  });

  test('of one that has passed already fails with the line that would be right', async () => {
    const { answers } = await send(
      {
        async onRequestHeaders(request) {
          await request.bytes();
          return allow().replaceBody('new');
        },
      },
      ['ab', 'cd'],
    );
    expect(answers.at(-1)).toMatchObject({
      verdict: { type: 'block', status: 500 },
      error: { message: expect.stringContaining('await request.bytes({ hold: true })') as string },
    });
  });

  test('leaves nothing of it behind after a block', async () => {
    const { answers, body } = await send(
      {
        async onRequestHeaders(request) {
          return (await request.text({ hold: true })).includes('x') ? block(403) : allow();
        },
      },
      ['ab', 'cx'],
    );
    expect(body.toString()).toBe('cx'); // the chunk that was blocked; nothing of the one before
    expect(answers[1]).toMatchObject({ verdict: { type: 'block' } });
    expect(answers[1]?.requestBodyMutation).toBeUndefined();
  });

  const encoders = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync };
  test.each(Object.entries(encoders))('decodes and encodes %s', async (coding, encode) => {
    const { body } = await send(
      {
        async onRequestHeaders(request) {
          return allow().replaceBody((await request.text({ hold: true, decode: true })).replace('cat', 'dog'));
        },
      },
      [...encode('a cat sat'.repeat(100))].map((byte) => Buffer.of(byte)),
      ['Content-Encoding', coding],
    );
    const decode = start({
      requestBody: true,
      async onRequestHeaders(request) {
        return allow().withTag(await request.text({ decode: true }));
      },
    }).connect();
    decode.receive(head(1, { headers: ['content-encoding', coding] }));
    await settled();
    decode.receive({ ...chunk(1, 0, '', true), data: body });
    await until(() => decode.answers.length === 2);
    expect(decode.answers[1]).toMatchObject({ audit: { tags: [`a dog sat${'a cat sat'.repeat(99)}`] } });
  });
});

describe('replacing text', () => {
  const redact: Partial<AgentDefinition> = {
    onRequestHeaders: () =>
      allow()
        .replaceText(/\d{4}-\d{4}/, '****')
        .setRequestHeader('x-redacted', '1'),
  };

  test('finds matches across chunks, and answers the head at once', async () => {
    const { head: first, body, answers } = await send(redact, ['card 12', '34-', '567', '8, and 1-2']);
    expect(first).toMatchObject({
      needsMore: true,
      requestHeaders: [...REMOVED, { op: 'set', name: 'x-redacted', value: '1' }],
    });
    expect(body.toString()).toBe('card ****, and 1-2');
    expect(answers[3]?.needsMore).toBeUndefined();
  });

  test('inside gzip, across chunks', async () => {
    const zipped = gzipSync('card 1234-5678 '.repeat(50));
    const pieces = [zipped.subarray(0, 15), zipped.subarray(15, 16), zipped.subarray(16)];
    const { body } = await send(redact, pieces, ['content-encoding', 'gzip']);
    expect(gunzipSync(body).toString()).toBe('card **** '.repeat(50));
  });

  test('inside raw deflate, which some send as deflate', async () => {
    const { body } = await send(redact, [deflateRawSync('1234-5678')], ['content-encoding', 'deflate']);
    expect(body.byteLength).toBeGreaterThan(0);
  });

  test('blocks what it cannot read, so that nothing passes unread', async () => {
    const refused = {
      verdict: { type: 'block', status: 415 },
      audit: { reasonCodes: ['agentwire:ERR_BODY_ENCODING'] },
    };
    expect((await send(redact, ['x'], ['content-encoding', 'compress'])).head).toMatchObject(refused);
    expect((await send(redact, ['x'], ['content-type', 'text/plain; charset="UTF-16"'])).head).toMatchObject(refused);
    expect((await send(redact, ['no gzip'], ['content-encoding', 'gzip'])).answers[0]).toMatchObject(refused);
    const half = gzipSync(randomBytes(500)).subarray(0, 200);
    expect((await send(redact, [half], ['content-encoding', 'gzip'])).answers[0]).toMatchObject(refused);
  });

  const trailing = Object.entries({
    br: brotliCompressSync('a'),
    deflate: deflateSync('a'),
    zstd: zstdCompressSync('a'),
    // some decoders read the member behind zeros, others stop at them
    gzip: Buffer.concat([gzipSync('a'), Buffer.alloc(8)]),
  });
  test.each(trailing)('blocks data behind the end of %s, in whatever chunks it comes', async (coding, encoded) => {
    const more = gzipSync('1234-5678');
    const cuts = [[Buffer.concat([encoded, more])], [encoded, more], [encoded, more, more, more]];
    for (const chunks of cuts) {
      const { answers } = await send(redact, chunks, ['content-encoding', coding]);
      expect(answers.at(-1)).toMatchObject({ verdict: { type: 'block', status: 415 } });
    }
  });

  test('blocks a body of more frames than it has time for', async () => {
    const frames = Buffer.concat(Array.from({ length: 1_001 }, () => zstdCompressSync('')));
    const { answers } = await send(redact, [frames], ['content-encoding', 'zstd']);
    expect(answers[0]).toMatchObject({ verdict: { type: 'block', status: 415 } });
  });

  const several = Object.entries({
    gzip: [gzipSync, gunzipSync],
    zstd: [zstdCompressSync, zstdDecompressSync],
  } as const);
  test.each(several)('reads every part of a body of several in %s', async (coding, [encode, decode]) => {
    const parts = [encode('card 1234-'), encode(''), encode('5678, and '), encode('1234-5678')];
    for (const chunks of [parts, [Buffer.concat(parts)]]) {
      const { body } = await send(redact, chunks, ['content-encoding', coding]);
      expect(decode(body).toString()).toBe('card ****, and ****');
    }
  });

  test('stops at a bomb', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    const { answers } = await send(redact, [bomb], ['content-encoding', 'gzip']);
    expect(answers[0]).toMatchObject({ verdict: { type: 'block', status: 413 } });
    // nothing comes out of the second coding, so only what is between the two is long
    const inner = gzipSync(Buffer.concat(Array<Buffer>(900_000).fill(gzipSync(''))));
    const between = await send(redact, [inner], ['content-encoding', 'gzip, gzip']);
    expect(between.answers[0]).toMatchObject({ verdict: { type: 'block', status: 413 } });
  });

  test('changes a response, whose etag no longer holds', async () => {
    const at = start({
      responseBody: true,
      onResponseHeaders: () => allow().replaceText('secret', 'xxx'),
    }).connect();
    at.receive({ ...response(1), headers: ['etag', '"1"', 'content-length', '9', 'accept-ranges', 'bytes'] });
    await settled();
    expect(at.answers[0]).toMatchObject({
      needsMore: true,
      responseHeaders: ['content-length', 'etag', 'accept-ranges'].map((name) => ({ op: 'remove', name })),
    });
    at.receive({ type: 'responseBodyChunk', id: 1, index: 0, data: Buffer.from('my secret'), last: true });
    await until(() => at.answers.length === 2);
    expect(at.answers[1]).toMatchObject({ responseBodyMutation: { index: 0, data: Buffer.from('my xxx') } });
  });

  test('is a failure towards a proxy that would pass the body as it was', async () => {
    const at = start({ requestBody: true, ...redact }).connect({
      ...RELEASED,
      quirks: ['request_body_mutation_ignored'],
    });
    at.receive(head('a'));
    await settled();
    expect(at.answers[0]).toMatchObject({ verdict: { type: 'block', status: 500 } });
  });
});

describe('transforming a body', () => {
  test('an async generator gives the new body, and what it leaves is dropped', async () => {
    const firstLine: Partial<AgentDefinition> = {
      onRequestHeaders: () =>
        allow().transformBody(async function* (body) {
          for await (const piece of body) {
            yield piece.subarray(0, 1);
            yield '!';
            if (piece.includes(120)) return;
          }
        }),
    };
    expect((await send(firstLine, ['ab', 'cx', 'ef'])).body.toString()).toBe('a!c!');
    expect((await send(firstLine, ['ab', 'cd'])).body.toString()).toBe('a!c!');
  });

  test('that throws gives a failure answer, never the body', async () => {
    const { answers } = await send(
      {
        onRequestHeaders: () =>
          allow().transformBody(async function* (body) {
            for await (const piece of body) {
              yield piece;
              throw new Error('no');
            }
          }),
      },
      ['ab', 'cd'],
    );
    expect(answers[0]).toMatchObject({ verdict: { type: 'block', status: 500 } });
  });

  test('into something else than text or bytes is a failure', async () => {
    for (const wrong of [1, {}, new ArrayBuffer(2), null]) {
      const { answers } = await send(
        {
          onRequestHeaders: () =>
            allow().transformBody(async function* (body) {
              for await (const _ of body) yield wrong as unknown as string;
            }),
        },
        ['ab', 'cd'],
      );
      expect(answers[0]).toMatchObject({ verdict: { type: 'block', status: 500 } });
    }
  });

  test('needs the body announced, which the first decision tells where its message has no body too', () => {
    const masked = allow().replaceText('a', 'b');
    const told = (handler: string, option: string): object => ({
      error: {
        code: 'ERR_INVALID_STATE',
        message: expect.stringMatching(
          `replaceText.* of ${handler} .*add \`${option}: true\` to defineAgent`,
        ) as string,
      },
    });
    const at = start({ onRequestHeaders: () => masked, onResponseHeaders: async () => masked }).connect();
    at.receive(head(1));
    expect(at.answers[0]).toMatchObject(told('onRequestHeaders', 'requestBody'));
    at.receive(head(2, { method: 'GET', hasBody: false }));
    expect(at.answers[1]).toMatchObject(told('onRequestHeaders', 'requestBody'));
    const later = start({
      requestBody: true,
      onRequestHeaders: () => masked,
      onResponseHeaders: () => masked,
    }).connect();
    later.receive(head(1, { hasBody: false }));
    expect(later.answers[0]).toMatchObject({ verdict: { type: 'allow' } });
    later.receive({ ...response(1), hasBody: false });
    expect(later.answers[1]).toMatchObject(told('onResponseHeaders', 'responseBody'));
  });

  test('needs a head to answer', async () => {
    const { answers } = await send({ onRequestBodyChunk: () => allow().replaceBody('x') }, ['a']);
    expect(answers[0]).toMatchObject({ error: { message: expect.stringContaining('replace(bytes)') as string } });
    expect(() => block(403).replaceBody('x')).toThrow('allow().replaceBody');
    expect(() => block(403).replaceText('a', 'b')).toThrow('allow().replaceText');
    expect(() => allow().replaceBody('x').replaceText('a', 'b')).toThrow(
      'changed once, and by an allow, as in allow().replaceText',
    );
    expect(() => block(403).transformBody((body) => body)).toThrow('allow().transformBody');
  });

  test('ends with its request', async () => {
    const errors: unknown[] = [];
    const at = start({
      requestBody: true,
      onRequestHeaders: () =>
        allow().transformBody(async function* (body) {
          try {
            for await (const piece of body) yield piece;
          } catch (error) {
            errors.push(error);
          }
        }),
    }).connect(OURS);
    at.receive(head(1));
    await settled();
    at.receive({ type: 'cancel', id: 1 });
    await settled();
    expect(errors).toMatchObject([{ code: 'ERR_ABORTED' }]);
    expect(at.answers).toHaveLength(1);
  });
});

describe('a preview', () => {
  test('decides after its bytes, and the rest passes without the agent', async () => {
    const { answers, body } = await send(
      {
        async onRequestHeaders(request) {
          const begin = await request.body.preview(3);
          return allow().withTag(Buffer.from(begin).toString());
        },
      },
      ['ab', 'cd', 'ef'],
    );
    expect(answers).toHaveLength(2);
    expect(answers[1]).toMatchObject({ audit: { tags: ['abc'] } });
    expect(answers[1]?.needsMore).toBeUndefined();
    expect(body.toString()).toBe('abcdef');
  });

  test('is part of what is read after it', async () => {
    const reads: Partial<AgentDefinition> = {
      async onRequestHeaders(request) {
        await request.body.preview(1);
        await request.body.preview(3);
        return allow().withTag(await request.text());
      },
    };
    expect((await send(reads, ['ab', 'cd', 'ef'])).answers[2]).toMatchObject({ audit: { tags: ['abcdef'] } });
    const pieces: string[] = [];
    const iterates: Partial<AgentDefinition> = {
      async onRequestHeaders(request) {
        await request.body.preview(3);
        for await (const piece of request.body) pieces.push(Buffer.from(piece).toString());
        return allow();
      },
    };
    await send(iterates, ['ab', 'cd', 'ef']);
    expect(pieces).toEqual(['ab', 'cd', 'ef']);
  });

  test('that is held can be decided before anything passes', async () => {
    const held: Partial<AgentDefinition> = {
      async onRequestHeaders(request) {
        await request.body.preview(3, { hold: true });
        return allow();
      },
    };
    const { answers, body } = await send(held, ['ab', 'cd', 'ef']);
    expect(answers.map((answer) => answer.requestBodyMutation?.data?.byteLength)).toEqual([0, 4]);
    expect(body.toString()).toBe('abcdef');
  });

  test('of a shorter body is all of it', async () => {
    const { answers } = await send(
      {
        async onRequestHeaders(request) {
          return allow().withTag(String((await request.body.preview(100)).byteLength));
        },
      },
      ['ab', ''],
    );
    expect(answers[1]).toMatchObject({ audit: { tags: ['2'] } });
  });
});

test.each<[string, () => Decision, string | undefined]>([
  ['an allow', () => allow().withTag('seen'), undefined],
  ['a block', () => block(403), 'the block came too late'],
  ['a redirect', () => redirect('/in'), 'the redirect came too late'],
  ['a request header', () => allow().setRequestHeader('x-a', '1'), 'the changes of its allow() came too late'],
  ['a response header', () => allow().setResponseHeader('x-a', '1'), 'the changes of its allow() came too late'],
  ['a new body', () => allow().replaceBody('new'), 'the changes of its allow() came too late'],
  [
    'an exception',
    () => {
      throw new TypeError('broken');
    },
    'broken',
  ],
])('skipRest passes the rest while the handler works; after it comes %s', async (_what, decide, problem) => {
  const errors: { fields: Readonly<Record<string, unknown>>; message: string }[] = [];
  const work = Promise.withResolvers<void>();
  const none = (): void => undefined;
  const logger: Logger = {
    debug: none,
    info: none,
    warn: (fields, message) => void errors.push({ fields, message }),
    error: (fields, message) => void errors.push({ fields, message }),
  };
  const { connect, runtime } = start(
    {
      requestBody: true,
      async onRequestHeaders(request) {
        for await (const _ of request.body) {
          request.body.skipRest();
          break;
        }
        await work.promise;
        return decide();
      },
    },
    { logger },
  );
  const at = connect();
  at.receive(head(1));
  await settled();
  at.receive(chunk(1, 0, 'ab', false));
  await settled();
  expect(at.answers[1]).toEqual({ verdict: { type: 'allow' } });
  work.resolve();
  await settled();
  expect(at.answers).toHaveLength(2);
  const { counts } = runtime.calls.outcomes;
  expect([counts.failures, counts.block, runtime.limiter.running]).toEqual([problem === undefined ? 0 : 1, 0, 0]);
  expect(errors.map(({ message }) => message)).toEqual(
    problem === undefined ? [] : ['a handler failed while no event waited for it'],
  );
  if (problem === undefined) return;
  expect(errors[0]?.fields).toMatchObject({ agent: 'test', method: 'POST' });
  expect(String(errors[0]?.fields['err'])).toContain(problem);
});
