import {
  allow,
  block,
  challenge,
  redirect,
  replace,
  type HandlerContext,
  type IncomingResponse,
} from '@agentwire/agent';
import { describe, expect, test } from 'vitest';
import { connectFour, type Medium, responseStatus, serve } from './stand-in-proxy.ts';

const media: readonly Medium[] = ['uds', 'grpc'];
const describeRow = describe.each(media);

/** Tags an answer with the request that its event is known to belong to. */
const tagging = {
  onRequestHeaders: () => allow(),
  onResponseHeaders: (_: IncomingResponse, { request, ambiguous }: HandlerContext) =>
    allow().withTag(`${request?.uri} ${ambiguous}`),
};

describeRow('wire §9, over %s: connects 4 times before it listens', (medium) => {
  test('each handshake is answered before the next is begun, while a handler of the first does not end', async () => {
    const never = new Promise<never>(() => undefined);
    const served = await serve(medium, { onRequestHeaders: () => never });
    const first = await served.connect();
    first.head('stuck', '/');
    for (let more = 0; more < 3; more += 1) {
      const connection = await served.dial();
      expect(await connection.handshake()).toMatchObject({ success: true });
    }
    expect(served.server.stats).toMatchObject({ connections: 4, running: 1 });
  });
});

test('wire §9, over grpc: waits for the response headers before it sends its handshake', async () => {
  const { dial } = await serve('grpc', tagging);
  const connection = await dial();
  expect(await responseStatus(connection)).toBe(200);
  expect(await connection.handshake()).toMatchObject({ success: true });
});

describeRow('wire §9, over %s: does not notice that a good connection was closed', (medium) => {
  test('no connection is closed for idleness or age, nor pinged, and only known types are sent', async () => {
    const served = await serve(medium, tagging);
    const connection = await served.connect();
    for (let minute = 0; minute < 120; minute += 1) served.clock.advance(60_000);
    expect((await connection.probe()).verdict).toBe('allow');
    expect([served.server.stats.connections, connection.channel.ended]).toEqual([1, undefined]);
    // 0x41 is a ping, and over gRPC everything from 100 on is ours
    const known = medium === 'uds' ? [0x20, 0x30, 0x31, 0x32, 0x33] : [2, 3, 4, 5, 6];
    expect(connection.types.slice(1).filter((type) => !known.includes(type))).toEqual([]);
    expect(connection.types.length).toBeGreaterThan(100);
  });

  test('a drain answers what runs, then ends', async () => {
    const gate = Promise.withResolvers<void>();
    const served = await serve(medium, { onRequestHeaders: async () => (await gate.promise, block(403)) });
    const connection = await served.connect();
    connection.head('c', '/');
    await connection.reached();
    const drained = served.server.drain();
    expect(connection.channel.ended).toBeUndefined();
    gate.resolve();
    expect(await connection.answer()).toMatchObject({ id: 'c', status: 403 });
    connection.channel.end();
    await drained;
    expect(served.server.stats.connections).toBe(0);
  });
});

describeRow('wire §9, over %s: sends the events of one request on different connections', (medium) => {
  test('headers and body on one, response headers on the next, response body on a third', async () => {
    const served = await serve<string>(medium, {
      onRequestHeaders: (request, context) => ((context.state = `saw ${request.uri}`), allow()),
      onRequestBodyChunk: (chunk, { request }) => allow().withTag(`${request?.uri} ${chunk.data.byteLength}`),
      onResponseHeaders: (_, { request, state }) => allow().withTag(`${request?.uri} ${state}`),
      onResponseBodyChunk: (_, { request, state }) => allow().withTag(`${request?.uri} ${state}`),
    });
    const [one, two, three] = await connectFour(served);
    one.head('c', '/first', { method: 'POST', headers: { 'content-length': ['3'] } });
    expect(await one.answer()).toMatchObject({ id: 'c', verdict: 'allow' });
    one.requestChunk('c', { data: 'abc' });
    expect((await one.answer()).tags).toEqual(['/first 3']);
    two?.responseHeaders('c');
    expect((await two?.answer())?.tags).toEqual(['/first saw /first']);
    three?.responseChunk('c', { data: 'body' });
    expect(await three?.answer()).toMatchObject({ id: 'c', tags: ['/first saw /first'] });
    expect(served.server.stats.tracked).toBe(0);
  });

  test('a request of which nothing more comes is forgotten by age', async () => {
    const served = await serve(medium, { ...tagging, requestStateTtlMs: 1_000 });
    const [one, two] = await connectFour(served);
    one.head('c', '/first');
    await one.answer();
    served.clock.advance(1_000);
    two?.responseHeaders('c');
    expect((await two?.answer())?.tags).toEqual(['undefined false']);
  });
});

describeRow('wire §9, over %s: the correlation id is chosen by the client', (medium) => {
  test('several live requests with one id are ambiguous, and nothing is guessed', async () => {
    const served = await serve(medium, tagging);
    const [one, two, three] = await connectFour(served);
    one.head('same', '/one');
    await one.answer();
    two?.head('same', '/two');
    await two?.answer();
    three?.responseHeaders('same');
    expect((await three?.answer())?.tags).toEqual(['undefined true']);
    three?.responseHeaders('same');
    expect((await three?.answer())?.tags).toEqual(['undefined true']);
    one.head('same', '/three');
    await one.answer();
    two?.responseHeaders('same');
    expect((await two?.answer())?.tags).toEqual(['/three false']);
  });

  test.each([
    ['a blank', ' '],
    ['quotes and a NUL', '"\\\u0000'],
    ['not ASCII', 'é日本'],
    ['8 000 characters', 'x'.repeat(8_000)],
  ])('any text: %s', async (_, id) => {
    const served = await serve(medium, tagging);
    const connection = await served.connect();
    connection.head(id, '/a');
    expect(await connection.answer()).toMatchObject({ id, verdict: 'allow' });
    connection.responseHeaders(id);
    expect(await connection.answer()).toMatchObject({ id, tags: ['/a false'] });
  });

  test('a fresh head starts fresh state', async () => {
    const served = await serve<number>(medium, {
      onRequestHeaders: (_, context) => (
        (context.state = (context.state ?? 0) + 1),
        allow().withTag(`${context.state}`)
      ),
      onRequestComplete: () => undefined,
    });
    const connection = await served.connect();
    for (let turn = 0; turn < 2; turn += 1) {
      connection.head('same', '/a');
      expect((await connection.answer()).tags).toEqual(['1']);
    }
  });
});

describeRow('wire §9, over %s: takes a late answer for the answer to the next event', (medium) => {
  const late = (gate: Promise<void>): object => ({
    onRequestHeaders: async () => (await gate, block(403)),
    onResponseHeaders: () => allow().withTag('response'),
  });

  test('an answer that was overtaken on its connection is dropped', async () => {
    const gate = Promise.withResolvers<void>();
    const served = await serve(medium, late(gate.promise));
    const connection = await served.connect();
    connection.head('c', '/', { method: 'POST', headers: { 'content-length': ['3'] } });
    connection.requestChunk('c', { data: 'abc' });
    await connection.reached();
    gate.resolve();
    expect(await connection.answer()).toMatchObject({ id: 'c', status: 403 });
    expect((await connection.probe()).id).toMatch(/^probe/);
  });

  test('an answer that was overtaken on another connection is dropped', async () => {
    const gate = Promise.withResolvers<void>();
    const served = await serve(medium, late(gate.promise));
    const [one, two] = await connectFour(served);
    one.head('c', '/');
    await one.reached();
    two?.responseHeaders('c');
    expect((await two?.answer())?.tags).toEqual(['response']);
    gate.resolve();
    expect((await one.probe()).id).toMatch(/^probe/);
  });

  test('any other proxy gets every answer, in order', async () => {
    const gate = Promise.withResolvers<void>();
    const served = await serve(medium, late(gate.promise));
    const connection = await served.connect('another-proxy');
    connection.head('c', '/', { method: 'POST', headers: { 'content-length': ['3'] } });
    connection.requestChunk('c', { data: 'abc' });
    await connection.reached();
    gate.resolve();
    expect([(await connection.answer()).id, (await connection.answer()).id]).toEqual(['c', 'c']);
  });
});

describeRow('wire §9, over %s: client_ip is `address:port` in one string', (medium) => {
  test('address and port are read apart, and the timestamp is kept', async () => {
    const served = await serve(medium, {
      onRequestHeaders: ({ metadata }) =>
        allow().withTag(metadata.clientIp, `${metadata.clientPort}`, metadata.timestamp.slice(0, 19)),
    });
    const connection = await served.connect();
    connection.head('c', '/');
    expect((await connection.answer()).tags).toEqual(['203.0.113.9', '52011', '2025-01-01T00:00:00']);
  });
});

describeRow('wire §9, over %s: bodies come whole, and cut short over the inspection limit', (medium) => {
  const big = Buffer.alloc(1_400_000, 'x');
  const post = { method: 'POST', headers: { 'content-length': ['1400000'] } };

  test('one chunk of 1.4 MB is read whole', async () => {
    const served = await serve(medium, {
      requestBody: true,
      onRequestHeaders: async (request) => allow().withTag(`${(await request.bytes()).byteLength}`),
    });
    const connection = await served.connect();
    connection.head('c', '/', post);
    expect((await connection.answer()).verdict).toBe('allow');
    connection.requestChunk('c', { data: big });
    expect((await connection.answer()).tags).toEqual(['1400000']);
  });

  test('is_last: false with all of total_size there is the end, and a block for who wanted the whole', async () => {
    const served = await serve(medium, {
      requestBody: true,
      onRequestHeaders: async (request) => (await request.bytes(), allow()),
    });
    const connection = await served.connect();
    connection.head('c', '/', post);
    await connection.answer();
    connection.requestChunk('c', { data: big, last: false, total: big.length });
    expect(await connection.answer()).toMatchObject({ verdict: 'block', status: 413 });
  });

  test('who decides on chunks is told that it was cut short', async () => {
    const served = await serve(medium, { onRequestBodyChunk: ({ truncated }) => allow().withTag(`${truncated}`) });
    const connection = await served.connect();
    connection.head('c', '/', post);
    await connection.answer();
    connection.requestChunk('c', { data: big, last: false, total: big.length });
    expect((await connection.answer()).tags).toEqual(['true']);
  });
});

test('wire §9, over uds: allow without mutation on a response body chunk loses the body, so the data goes back', async () => {
  const served = await serve('uds', {
    ...tagging,
    onResponseBodyChunk: ({ data }) => (Buffer.from(data).includes('secret') ? replace('***') : allow()),
  });
  const connection = await served.connect();
  connection.head('c', '/');
  await connection.answer();
  connection.responseHeaders('c');
  await connection.answer();
  connection.responseChunk('c', { data: 'harmless' });
  expect((await connection.answer()).responseBody).toBe('harmless');
  connection.responseChunk('c', { data: 'a secret' });
  expect((await connection.answer()).responseBody).toBe('***');
});

test('wire §9, over grpc: changes of a response body are lost, which is logged once', async () => {
  const served = await serve('grpc', { onResponseBodyChunk: () => replace('***') });
  const connection = await served.connect();
  connection.responseHeaders('c');
  await connection.answer();
  for (const data of ['a', 'b']) {
    connection.responseChunk('c', { data });
    await connection.answer();
  }
  expect(served.quirks).toEqual(['response_body_mutation_ignored']);
});

test('wire §9, over grpc: a response body cannot be saved, and no field of ours is sent for it', async () => {
  const served = await serve('grpc', tagging);
  const connection = await served.connect();
  connection.responseChunk('c', { data: 'body' });
  const { verdict, fields } = await connection.answer();
  expect(verdict).toBe('allow');
  expect(fields.filter((field) => Number(field) >= 100)).toEqual([]);
});

test('wire §9, over uds: offers ["json"] only', async () => {
  const { dial } = await serve('uds', tagging);
  expect(await (await dial()).handshake()).toMatchObject({ encoding: 'json', success: true });
});

describeRow('wire §9, over %s: never uses Ping, Cancel, Configure, RequestComplete, and ignores reports', (medium) => {
  test('a request is decided, answered and forgotten with heads, chunks and response heads alone', async () => {
    const served = await serve(medium, tagging);
    const [one, two] = await connectFour(served);
    for (let turn = 0; turn < 10; turn += 1) {
      one.head(`c-${turn}`, '/');
      expect((await one.answer()).verdict).toBe('allow');
      two?.responseHeaders(`c-${turn}`);
      await two?.answer();
    }
    expect(served.server.stats).toMatchObject({ tracked: 0, running: 0, failures: 0 });
  });
});

describeRow('wire §9, over %s: needs certain fields in an answer', (medium) => {
  test('version, decision, the id, and supported_events in the capabilities', async () => {
    const { dial } = await serve(medium, tagging);
    const connection = await dial();
    expect(await connection.handshake()).toMatchObject({ capabilities: { supported_events: [1, 3] } });
    connection.head('c', '/');
    const { id, fields } = await connection.answer();
    expect(id).toBe('c');
    const needed = medium === 'uds' ? ['version', 'decision', 'audit'] : ['1', '2'];
    expect(fields).toEqual(expect.arrayContaining(needed));
  });
});

describeRow('wire §9, over %s: answers after the first, or on another connection, do not count', (medium) => {
  test('each event gets one answer, on its own connection', async () => {
    const served = await serve(medium, tagging);
    const [one, two] = await connectFour(served);
    one.head('c', '/');
    expect((await one.answer()).id).toBe('c');
    two?.responseHeaders('c');
    expect((await two?.answer())?.id).toBe('c');
    expect((await one.probe()).id).toMatch(/^probe/);
    expect((await two?.probe())?.id).toMatch(/^probe/);
  });
});

describeRow('wire §9, over %s: sends events that supported_events does not name', (medium) => {
  test('they are answered with an allow', async () => {
    const served = await serve(medium, { onRequestComplete: () => undefined });
    const connection = await served.connect();
    connection.head('c', '/', { method: 'POST', headers: { 'content-length': ['3'] } });
    expect((await connection.answer()).verdict).toBe('allow');
    connection.requestChunk('c', { data: 'abc' });
    expect((await connection.answer()).verdict).toBe('allow');
    connection.responseHeaders('c');
    expect((await connection.answer()).verdict).toBe('allow');
    connection.responseChunk('c', { data: 'body' });
    expect(await connection.answer()).toMatchObject({
      verdict: 'allow',
      responseBody: medium === 'uds' ? 'body' : undefined,
    });
  });
});

describeRow('wire §9, over %s: ignores a block at ResponseHeaders', (medium) => {
  test('which is logged once', async () => {
    const served = await serve(medium, { onRequestHeaders: () => allow(), onResponseHeaders: () => block(502) });
    const connection = await served.connect();
    for (const id of ['a', 'b']) {
      connection.head(id, '/');
      await connection.answer();
      connection.responseHeaders(id);
      expect((await connection.answer()).status).toBe(502);
    }
    expect(served.quirks).toEqual(['response_block_ignored']);
  });
});

describeRow('wire §9, over %s: the crate’s agent answers a Ping only after the handler in front of it', (medium) => {
  test('ours answers it at once', async () => {
    const gate = Promise.withResolvers<void>();
    const served = await serve(medium, { onRequestHeaders: async () => (await gate.promise, allow()) });
    const connection = await served.connect();
    connection.head('c', '/');
    connection.ping(7);
    const pong = await connection.message();
    expect(pong.type).toBe(medium === 'uds' ? 0x42 : 7);
    gate.resolve();
    expect((await connection.answer()).id).toBe('c');
  });
});

describeRow('wire §9, over %s: treats challenge as allow, redirect as 500, drops headers of a block', (medium) => {
  const uses = {
    onRequestHeaders: ({ uri }: { readonly uri: string }) => {
      if (uri === '/challenge') return challenge('captcha', { site_key: 'k' });
      if (uri === '/redirect') return redirect('https://example.test/', 302);
      if (uri === '/block') return block(403).withBlockHeader('x-a', '1');
      return allow().setResponseHeader('x-early', '1');
    },
  };

  test('each is logged once; a challenge is a block instead', async () => {
    const served = await serve(medium, uses);
    const connection = await served.connect();
    const verdicts: string[] = [];
    for (const uri of ['/challenge', '/redirect', '/block', '/early', '/challenge', '/early']) {
      connection.head(uri, uri);
      verdicts.push((await connection.answer()).verdict);
    }
    expect(verdicts).toEqual(['block', 'redirect', 'block', 'allow', 'block', 'allow']);
    expect(served.quirks).toEqual([
      'challenge_is_allow',
      'redirect_is_error',
      'block_headers_dropped',
      'response_headers_early_dropped',
    ]);
  });

  test('challengeFallback "none" sends it as it is', async () => {
    const served = await serve(medium, uses, { challengeFallback: 'none' });
    const connection = await served.connect();
    connection.head('c', '/challenge');
    expect((await connection.answer()).verdict).toBe('challenge');
  });
});
