import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMessage, payload, target } from '@agentwire/a2a-router';
import { resolveNatsBackendOptions } from '../src/backend-options.ts';
import { formatPermissions, nodePermissions } from '../src/index.ts';
import { parseSubject } from '../src/subject-parts.ts';
import { decodeToken, decodeTopic, encodeToken, encodeTopic } from '../src/subject-token.ts';
import { Subjects } from '../src/subjects.ts';
import { TopicLosses } from '../src/topic-losses.ts';
import { type Arrival, decodeReceived, encodeMessage } from '../src/wire.ts';

const here: Arrival = { source: 'x', target: target.process(1), now: 5000 };
const RUNS = Number(process.env['AGENTWIRE_RUNS'] ?? 5000);

describe('subjects', () => {
  it('write any name as one token and read it again', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        const token = encodeToken(name);
        expect(token).toMatch(/^[A-Za-z0-9_=-]+$/);
        expect(decodeToken(token)).toBe(name);
      }),
      { numRuns: RUNS },
    );
    expect(() => decodeToken('a=ZZ')).toThrow('cannot be read');
    expect(() => decodeToken('a*')).toThrow('cannot be read');
    // One name has one spelling.
    for (const token of ['=61', 'a=2eb', '=FF', '=ED=A0=80', 'a=', '=='])
      expect(() => decodeToken(token)).toThrow('cannot be read');
    expect(() => encodeToken('a\ud800')).toThrow('lone surrogate');
  });

  it('keep wildcards of patterns and nothing else', () => {
    expect(encodeTopic('build.*.größe.>')).toBe('build.*.gr=C3=B6=C3=9Fe.>');
    expect(encodeTopic('a>b.c*')).toBe('a=3Eb.c=2A');
    expect(decodeTopic(['a=3Eb', 'c=2A'])).toBe('a>b.c*');
    for (const tokens of [['w', 'a=2Eb'], ['=2A'], ['=3E'], ['a', '='], []])
      expect(() => decodeTopic(tokens)).toThrow(/topic|spelled/);
  });

  it('name the source, the way and the rest', () => {
    const subjects = new Subjects('a2a', 'node one');
    const source = 'node one';
    const to = (way: string, node: string | undefined, of: unknown): unknown => ({ source, way, node, target: of });
    expect(to('agent', 'n.2', target.process(7))).toEqual(withoutRest(subjects.agent('n.2', 7)));
    expect(to('topic', undefined, target.topic('a.b'))).toEqual(withoutRest(subjects.topic('a.b')));
    expect(to('service', undefined, target.service('q'))).toEqual(withoutRest(subjects.service('q')));
    expect(to('service', undefined, target.serviceMethod('q', 'm.n'))).toEqual(
      withoutRest(subjects.service('q', 'm.n')),
    );
    for (const inner of [target.kernel, target.broadcast, target.topic('a.b'), target.serviceMethod('q', 'm')])
      expect(to('node', 'b', inner)).toEqual(withoutRest(subjects.node('b', inner)));
    expect(to('inbox', 'b', target.service('orders'))).toEqual(withoutRest(subjects.inbox('b', 'orders')));
    expect(to('inbox', 'b', target.service('orders'))).toEqual(withoutRest(subjects.inbox('b', 'orders', true)));
    for (const subject of [
      'a2a',
      'a2a.x',
      'a2a.x.agent.b.1.2',
      'a2a.x.agent.b.01',
      'a2a.x.agent.b.x',
      'a2a.x.node.b.what',
    ])
      expect(() => parseSubject(subject), subject).toThrow('not one of the router');
    expect(() => new Subjects('a.b', 'n')).toThrow('prefix must be');
    expect(() => new Subjects('a', '')).toThrow('nodeId must have');
  });

  it('are bounded before they reach the server', () => {
    const subjects = new Subjects('a2a', 'a');
    for (const make of [
      () => subjects.service('s'.repeat(2100)),
      () => subjects.service('ü'.repeat(400)),
      () => subjects.topic(Array.from({ length: 8 }, () => 'ü'.repeat(100)).join('.')),
      () => subjects.anyTopic(Array.from({ length: 8 }, () => 'ü'.repeat(100)).join('.')),
      () => subjects.anyService('s'.repeat(2100)),
      () => subjects.inbox('b', 'i'.repeat(2100)),
      () => subjects.agent('ü'.repeat(40), 1),
      () => subjects.node('', target.kernel),
      () => subjects.service(''),
    ])
      expect(make).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }));
  });

  it('take an answer only to where the asker itself listens', () => {
    const [asker, responder] = [new Subjects('a2a', 'a'), new Subjects('a2a', 'b')];
    const token = '0123456789abcdef'.repeat(2);
    expect(responder.answerTo('a', asker.replyHere(token))).toBe(`a2a.b.reply.a.${token}`);
    for (const subject of [
      '',
      undefined,
      'a2a.a.reply.a.short',
      `a2a.c.reply.c.${token}`,
      `_INBOX_a.${token}`,
      `a2a.a.reply.a.${token}.x`,
    ])
      expect(responder.answerTo('a', subject)).toBeUndefined();
  });

  it('make permissions for one node', () => {
    const permissions = nodePermissions('n 1');
    const always = [
      'agent.*.*',
      'node.*.kernel',
      'node.*.broadcast',
      'node.n=201.hello',
      'presence',
      'node.*.cancel',
      'node.*.check',
      'node.*.credit',
      'node.*.watch',
      'node.*.unwatch',
      'node.*.exited',
      'reply.*.*',
    ];
    expect(permissions.publish).toEqual(always.map((words) => `a2a.n=201.${words}`));
    expect(permissions.subscribe).toEqual([
      'a2a.*.agent.n=201.*',
      'a2a.*.node.n=201.>',
      'a2a.*.reply.n=201.*',
      'a2a.*.presence',
      '_INBOX_n=201.>',
    ]);
    const granted = nodePermissions('n', {
      services: { serve: ['q 1'], call: ['p'] },
      topics: { publish: ['out.>'], subscribe: ['in.*'] },
    });
    expect(granted.publish).toEqual(expect.arrayContaining(['a2a.n.service.p.*', 'a2a.n.topic.out.>']));
    expect(granted.subscribe).toEqual(expect.arrayContaining(['a2a.*.service.q=201.* q=201', 'a2a.*.topic.in.*']));
    expect(formatPermissions(granted)).toContain('"a2a.*.service.q=201.* q=201"');
    expect(() => nodePermissions('n', { service: {} } as never)).toThrow('has no option "service"');
  });
});

describe('what arrives from another node', () => {
  it('is read, or refused with ERR_PROTOCOL', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        try {
          decodeReceived(text, here);
          return true;
        } catch (error) {
          return (error as { code?: string }).code === 'ERR_PROTOCOL';
        }
      }),
      { numRuns: RUNS },
    );
    expect(decodeReceived('{"error":{"code":"ERR_TIMEOUT","message":"late"}}', here)).toMatchObject({
      kind: 'failure',
      code: 'ERR_TIMEOUT',
    });
  });

  it('has the target of its subject, a deadline of this clock, and bounded names', () => {
    const message = createMessage(3, target.topic('t'), payload.text('x'), {
      deadline: 700,
      idempotencyKey: 'k'.repeat(9000),
    });
    const text = encodeMessage(message, target.process(9), 400);
    expect(decodeReceived(text, here)).toMatchObject({
      message: {
        target: { kind: 'process', pid: 1 },
        deadline: 5300,
        idempotencyKey: expect.stringMatching(/^sha256:/) as unknown,
      },
    });
    expect(JSON.parse(text)).not.toHaveProperty('deadline');
    const json = JSON.parse(text) as Record<string, unknown>;
    for (const wrong of [
      { id: 'x'.repeat(129) },
      { id: '' },
      { correlation_id: 'x'.repeat(129) },
      { trace_id: 'x'.repeat(257) },
      { idempotency_key: 'x'.repeat(129) },
      { left_ms: -1 },
      { left_ms: 'soon' },
      { epoch: 'a b', sequence: 1 },
      { epoch: 'a', sequence: 0 },
    ])
      expect(() => decodeReceived(JSON.stringify({ ...json, ...wrong }), here), JSON.stringify(wrong)).toThrow(
        expect.objectContaining({ code: 'ERR_PROTOCOL' }),
      );
    expect(decodeReceived(encodeMessage({ ...message, deferred: true }, target.process(9), 400), here)).toMatchObject({
      message: { deferred: true },
    });
  });
});

describe('losses on topics', () => {
  it('are the gaps, and a publisher that starts anew is none', () => {
    const [sender, again, receiver] = [new TopicLosses(), new TopicLosses(), new TopicLosses()];
    const places = Array.from({ length: 10 }, () => sender.next('t'));
    for (const at of [2, 3, 6, 9]) {
      const place = places[at];
      if (place !== undefined) receiver.note('n', 't', place);
    }
    expect(receiver.lost).toBe(4);
    receiver.note('n', 't', again.next('t'));
    receiver.note('m', 't', again.next('t'));
    expect(receiver.lost).toBe(4);
    // What several patterns fetch comes several times, and is taken once.
    const place = again.next('t');
    expect([receiver.note('k', 't', place), receiver.note('k', 't', place)]).toEqual([0, undefined]);
    receiver.forgetUnless((topic) => topic !== 't');
    receiver.note('n', 't', { epoch: 'x', sequence: 50 });
    expect(receiver.lost).toBe(4);
  });
});

it('names an option that it does not know', () => {
  expect(() => resolveNatsBackendOptions({ nodeId: 'a', servers: 'b', node: 1 } as never)).toThrow(
    'has no option "node"',
  );
  expect(() => resolveNatsBackendOptions({ nodeId: 'a', servers: 'b', durable: { replicas: 9 } })).toThrow(
    'durable.replicas',
  );
});

function withoutRest(subject: string): unknown {
  const { rest: _, ...parts } = parseSubject(subject);
  return parts;
}

describe('the traceparent of a message', () => {
  const to = target.process(1);
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const read = (text: string): unknown => {
    const received = decodeReceived(text, here);
    return received.kind === 'message' ? received.message.traceparent : received;
  };

  it('goes as it is, and one that W3C does not know begins no trace', () => {
    const message = createMessage(1, to, payload.text('hi'), { traceparent });
    expect(read(encodeMessage(message, to, 5000))).toBe(traceparent);
    for (const wrong of ['', 'x', traceparent.toUpperCase(), 'a'.repeat(5000)]) {
      expect(read(encodeMessage({ ...message, traceparent: wrong }, to, 5000))).toBeUndefined();
    }
  });
});
