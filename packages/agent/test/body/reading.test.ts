import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { allow, block, type IncomingRequest } from '../../src/index.ts';
import { chunk, head, response, responseChunk, settled } from '../events.ts';
import { start } from '../runtime/start.ts';

const MORE = { verdict: { type: 'allow' }, needsMore: true };

describe('reading a body', () => {
  test('answers each piece when the next is asked for, and the last with the decision', async () => {
    const seen: string[] = [];
    const gate = Promise.withResolvers<void>();
    const at = start({
      requestBody: true,
      async onRequestHeaders(request) {
        for await (const piece of request.body) {
          seen.push(Buffer.from(piece).toString());
          if (seen.length === 1) await gate.promise;
        }
        return allow().withTag(seen.join('+'));
      },
    }).connect();
    at.receive(head(1));
    await settled();
    expect(at.answers).toEqual([MORE]);
    at.receive(chunk(1, 0, 'ab', false));
    await settled();
    expect(seen).toEqual(['ab']);
    expect(at.answers).toHaveLength(1);
    gate.resolve();
    await settled();
    expect(at.answers).toEqual([MORE, MORE]);
    at.receive(chunk(1, 1, 'cd', true));
    await settled();
    expect(at.answers[2]).toMatchObject({ verdict: { type: 'allow' }, audit: { tags: ['ab+cd'] } });
    expect(at.answers).toHaveLength(3);
  });

  test('answers the piece at which it was decided, whatever arrives later', async () => {
    const at = start({
      requestBody: true,
      async onRequestHeaders(request) {
        for await (const piece of request.body) if (piece.includes(120)) return block(403, 'x');
        return allow();
      },
    }).connect();
    at.receive(head(1));
    await settled();
    at.receive(chunk(1, 0, 'a', false));
    await settled();
    at.receive(chunk(1, 1, 'x', false));
    await settled();
    expect(at.answers[2]).toMatchObject({ verdict: { type: 'block' } });
  });

  test('delivers an early decision to the next piece', async () => {
    const decide = Promise.withResolvers<void>();
    const at = start({
      requestBody: true,
      async onRequestHeaders(request) {
        void request.bytes();
        await decide.promise;
        return block(429);
      },
    }).connect();
    at.receive(head(1));
    await settled();
    decide.resolve();
    await settled();
    expect(at.answers).toEqual([MORE]);
    at.receive(chunk(1, 0, 'a', false));
    await settled();
    expect(at.answers[1]).toMatchObject({ verdict: { status: 429 } });
  });

  test.each([
    ['bytes', async (request: IncomingRequest) => Buffer.from(await request.bytes()).toString()],
    ['spilled bytes', async (request: IncomingRequest) => Buffer.from(await request.bytes({ spill: true })).toString()],
    ['text', (request: IncomingRequest) => request.text()],
    ['json', async (request: IncomingRequest) => JSON.stringify(await request.json())],
  ])('takes the whole as %s', async (_, read) => {
    let whole = '';
    const at = start({
      requestBody: true,
      async onRequestHeaders(request) {
        whole = await read(request);
        return allow();
      },
    }).connect();
    at.receive(head(1));
    await settled();
    at.receive(chunk(1, 0, '{"a"', false));
    at.receive(chunk(1, 1, ':1}', true));
    await settled();
    expect(whole).toBe('{"a":1}');
    expect(at.answers).toEqual([MORE, MORE, { verdict: { type: 'allow' } }]);
  });

  test('spills a long body to a file, and empties the view after the decision', async () => {
    let view: Uint8Array = new Uint8Array(0);
    let sum = 0;
    const at = start({
      requestBody: true,
      async onRequestHeaders(request) {
        view = await request.bytes({ spill: true });
        sum = view.byteLength;
        return allow();
      },
    }).connect();
    at.receive(head(1));
    await settled();
    const piece = 'x'.repeat(700_000);
    at.receive(chunk(1, 0, piece, false));
    at.receive(chunk(1, 1, piece, true));
    await settled();
    expect(sum).toBe(1_400_000);
    expect(at.answers).toHaveLength(3);
    expect(view.byteLength).toBe(0);
  });

  test('leaves a mapped view alone while the handler uses it past its deadline', async () => {
    const plain = randomBytes(1_500_000);
    const sent = gzipSync(plain);
    const gunzipped = Promise.withResolvers<Buffer>();
    let view: Uint8Array = new Uint8Array(0);
    const { connect, clock } = start({
      requestBody: true,
      async onRequestHeaders(request) {
        view = await request.bytes({ spill: true });
        const all = promisify(gunzip)(view);
        clock.advance(30_020);
        all.then(gunzipped.resolve, gunzipped.reject);
        await all;
        return allow();
      },
    });
    const at = connect();
    at.receive(head(1));
    await settled();
    at.receive({ ...chunk(1, 0, '', false), data: sent.subarray(0, 1_100_000) });
    at.receive({ ...chunk(1, 1, '', true), data: sent.subarray(1_100_000) });
    expect((await gunzipped.promise).equals(plain)).toBe(true);
    expect(at.answers.at(-1)).toMatchObject({ error: { code: 'ERR_TIMEOUT' } });
    await settled();
    expect(view.byteLength).toBe(0);
  });

  test('resolves at once where no body follows', async () => {
    const at = start({
      requestBody: true,
      async onRequestHeaders(request) {
        return allow().withTag(`${(await request.bytes()).length}`);
      },
    }).connect();
    at.receive(head(1, { hasBody: false }));
    await settled();
    expect(at.answers).toMatchObject([{ audit: { tags: ['0'] } }]);
  });

  test('blocks past the limit, unless the handler decides otherwise', async () => {
    const strict = start({
      requestBody: true,
      onRequestHeaders: async (request) => (await request.bytes({ limit: 3 }), allow()),
    });
    const at = strict.connect();
    at.receive(head(1));
    await settled();
    at.receive(chunk(1, 0, 'abcd', false));
    await settled();
    expect(at.answers[1]).toMatchObject({
      verdict: { type: 'block', status: 413 },
      audit: { reasonCodes: ['agentwire:ERR_BODY_TOO_LARGE'] },
    });
    const lenient = start({
      requestBody: true,
      onRequestHeaders: (request) => request.bytes({ limit: 3 }).then(allow, () => allow().withTag('long')),
    }).connect();
    lenient.receive(head(1));
    await settled();
    lenient.receive(chunk(1, 0, 'abcd', false));
    await settled();
    expect(lenient.answers[1]).toMatchObject({ verdict: { type: 'allow' }, audit: { tags: ['long'] } });
  });

  test('never quotes a body that is not JSON', async () => {
    const at = start({
      requestBody: true,
      onRequestHeaders: async (request) => (await request.json(), allow()),
    }).connect();
    at.receive(head(1));
    await settled();
    at.receive(chunk(1, 0, 'secret!', true));
    await settled();
    // a failure would be the failure policy's to decide, and the client's to choose
    expect(at.answers[1]).toEqual({
      verdict: { type: 'block', status: 400 },
      audit: { reasonCodes: ['agentwire:ERR_BODY_NOT_JSON'] },
    });
    expect(JSON.stringify(at.answers[1])).not.toContain('secret');
  });

  test('names the remedy where bodies were not announced, were read before, or no longer arrive', async () => {
    const codes: string[] = [];
    const note = (error: { message: string }): void => void codes.push(error.message);
    const silent = start({
      onRequestHeaders: async (request) => (await request.text().catch(note), allow()),
    }).connect();
    silent.receive(head(1));
    await settled();
    expect(codes[0]).toContain('add `requestBody: true` to defineAgent');
    const at = start({
      requestBody: true,
      onRequestHeaders: async (request) => (await request.text(), await request.text().catch(note), allow()),
    }).connect();
    at.receive(head(1));
    await settled();
    at.receive(chunk(1, 0, '', true));
    await settled();
    expect(codes[1]).toContain('has been read already');
    let kept: IncomingRequest | undefined;
    const late = start({ requestBody: true, onRequestHeaders: (request) => ((kept = request), allow()) }).connect();
    late.receive(head(1));
    await kept?.text().catch(note);
    expect(codes[2]).toContain('decided already');
  });

  test('fails a reader whose request is gone', async () => {
    let error: unknown;
    const at = start({
      requestBody: true,
      async onRequestHeaders(request) {
        await request.bytes().catch((failure: unknown) => (error = failure));
        return allow();
      },
    });
    const connection = at.connect();
    connection.receive(head(1));
    await settled();
    connection.receive({ type: 'cancel', id: 1, reason: 'client_disconnect' });
    await settled();
    expect(error).toMatchObject({ code: 'ERR_ABORTED' });
    expect(connection.answers).toEqual([MORE]);
    expect(at.runtime.limiter).toMatchObject({ running: 0, undecided: 0 });
  });

  test('reads response bodies in the same way', async () => {
    const at = start({
      responseBody: true,
      async onResponseHeaders(incoming, context) {
        const text = await incoming.text();
        return text === 'bad' ? block(502) : allow().withTag(`${context.request?.path}:${incoming.status}:${text}`);
      },
    }).connect();
    at.receive(head(1));
    at.receive(response(1));
    await settled();
    at.receive(responseChunk(1, 0, 'ok', true));
    await settled();
    expect(at.answers).toMatchObject([{ verdict: { type: 'allow' } }, MORE, { audit: { tags: ['/a:200:ok'] } }]);
  });
});
