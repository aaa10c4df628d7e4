import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createChain, createMessage, gateDecision, payload, type Payload, target } from '../../src/index.ts';
import { createTeam, settle } from '../team.ts';

describe('a message that is changed after it was sent', () => {
  it('is delivered as the gate and the chain saw it', async () => {
    let decide = (): void => undefined;
    const chain = createChain({ key: new Uint8Array(16) });
    const { add } = createTeam({
      chain,
      gate: { check: () => new Promise((resolve) => (decide = () => resolve(gateDecision.permit))) },
    });
    const [one, two, three] = [add('one'), add('two'), add('three')];
    const call = { kind: 'toolCall' as const, name: 'read', args: { path: 'a', list: [1] } };
    const to = { kind: 'process' as const, pid: two.pid };
    const sent = one.send(to, call);
    Object.assign(call, { name: 'rm' });
    call.args.path = 'b';
    call.args.list.push(2);
    to.pid = three.pid;
    decide();
    await sent;
    expect(three.inbox.size).toBe(0);
    const got = two.inbox.poll();
    expect(got?.payload).toEqual({ kind: 'toolCall', name: 'read', args: { path: 'a', list: [1] } });
    const { digest } = JSON.parse(chain.tail()[1]?.payload ?? '{}') as { digest?: string };
    const bytes = '{"ToolCall":{"args":{"list":[1],"path":"a"},"name":"read"}}';
    expect(digest).toBe(createHash('sha256').update(bytes).digest('hex'));
  });

  it('shares nothing among several recipients, nor with the sender', async () => {
    const { router, add } = createTeam();
    const [one, two, three, late] = [add('one'), add('two'), add('three'), add('late')];
    router.topicRouter.keep('t', { retain: true });
    for (const reader of [two, three]) reader.subscribe('t');
    const value = { n: [1] };
    const bytes = new Uint8Array([1, 2]);
    await one.publish('t', payload.json(value));
    value.n.push(9);
    const json = (body: Payload | undefined): { n: number[] } =>
      (body as { value: unknown } | undefined)?.value as never;
    json(two.inbox.poll()?.payload).n.push(2);
    expect(json(three.inbox.poll()?.payload)).toEqual({ n: [1] });
    late.subscribe('t', { retained: true });
    expect(json(late.inbox.poll()?.payload)).toEqual({ n: [1] });
    await one.send(target.broadcast, payload.binary(bytes));
    bytes[0] = 7;
    const raw = (body: Payload | undefined): Uint8Array => (body as { bytes: Uint8Array }).bytes;
    raw(two.inbox.poll()?.payload)[1] = 8;
    expect([...raw(three.inbox.poll()?.payload)]).toEqual([1, 2]);
  });
});

describe('what a message may hold', () => {
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  const bad: Readonly<Record<string, unknown>> = {
    undefined: undefined,
    NaN: NaN,
    Infinity: { a: Infinity },
    'a hole': [, 1], // eslint-disable-line no-sparse-arrays -- this is what it is about
    'undefined in a list': [undefined],
    'undefined in an object': { a: undefined },
    Date: new Date(),
    Map: new Map(),
    Set: [new Set()],
    'a function': () => 1,
    'a symbol': Symbol('x'),
    'a bigint': 1n,
    'a class instance': new URL('http://a/'),
    bytes: new Uint8Array(1),
    'a ring': cyclic,
  };
  it.each(Object.keys(bad))('is no %s', async (name) => {
    const { router, add } = createTeam();
    const [one, two] = [add('one'), add('two')];
    const to = target.process(two.pid);
    const value = bad[name] as never;
    for (const body of [payload.json(value), payload.toolCall('x', value), payload.toolResult('x', value)])
      await expect(one.send(to, body)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    await expect(one.request(to, payload.json(value))).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    expect(() => createChain({ key: new Uint8Array(16) }).record('a', 'b', { value })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }) as Error,
    );
    expect(router.pendingRequestCount + two.inbox.size + router.deadLetters.size).toBe(0);
  });

  it('keeps odd keys', async () => {
    const { add } = createTeam();
    const [one, two] = [add('one'), add('two')];
    const value = JSON.parse('{"__proto__":{"a":1},"constructor":2}') as never;
    await one.send(target.process(two.pid), payload.json(value));
    expect(JSON.stringify(two.inbox.poll()?.payload)).toContain('"__proto__":{"a":1},"constructor":2');
  });

  it('has options of the right kind and size', async () => {
    const { router, add } = createTeam();
    const [one, two] = [add('one'), add('two')];
    const to = target.process(two.pid);
    const options: readonly object[] = [
      { deadline: NaN },
      { deadline: Infinity },
      { deadline: '5' },
      { deadline: new Date() },
      { priority: 'low' },
      { durable: 'yes' },
      { correlationId: 5 },
      { correlationId: 'x'.repeat(257) },
      { traceId: 'ä'.repeat(129) },
      { idempotencyKey: 'x'.repeat(1025) },
    ];
    for (const option of options) {
      await expect(one.send(to, payload.text('x'), option)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
      await expect(one.request(to, payload.text('x'), {}, option)).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
      });
      await expect(one.requestMany(to, payload.text('x'), {}, option)).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
      });
    }
    const targets = [
      undefined,
      {},
      target.process(-1),
      target.process(1.5),
      target.service(''),
      target.topic(5 as never),
    ];
    targets.push(target.remoteNode('a', target.remoteNode('b', to)), target.serviceMethod('a', 'm'.repeat(300)));
    for (const odd of targets) {
      await expect(one.send(odd as never, payload.text('x'))).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    }
    for (const body of [undefined, null, {}, { kind: 'text' }, { kind: 'binary', bytes: 'x' }, { kind: 'signal' }])
      await expect(one.send(to, body as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
    const long = { ...createMessage(one.pid, to, payload.text('x')), id: 'x'.repeat(300) };
    await expect(router.send(long)).rejects.toThrow('id must be a string of 1 to 256 bytes');
    await expect(router.request(createMessage(one.pid, to, payload.text('')), 80 as never)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    });
    expect(two.inbox.size).toBe(0);
    expect(router.pendingRequestCount).toBe(0);
  });

  it('digests texts that only differ in a lone surrogate differently', async () => {
    const chain = createChain({ key: new Uint8Array(16) });
    const { add } = createTeam({ chain });
    const [one, two] = [add('one'), add('two')];
    for (const text of ['\uD800', '\uDBFF', '\uFFFD']) await one.send(target.process(two.pid), payload.text(text));
    await settle();
    const digests = chain.tail().flatMap(({ kind, payload: body }) => {
      const { digest } = JSON.parse(body ?? '{}') as { digest?: string };
      return kind === 'ipc.send' ? [digest] : [];
    });
    expect(new Set(digests).size).toBe(3);
  });
});
