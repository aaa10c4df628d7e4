import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatPermissions, nodePermissions, resolveNatsBackendOptions } from '../src/index.ts';
import { decodeToken, encodeToken, encodeTopic, Subjects } from '../src/subjects.ts';
import { TopicLosses } from '../src/topic-losses.ts';
import { decodeReceived } from '../src/wire.ts';

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
  });

  it('keep wildcards of patterns and nothing else', () => {
    expect(encodeTopic('build.*.größe.>')).toBe('build.*.gr=C3=B6=C3=9Fe.>');
    expect(encodeTopic('a>b.c*')).toBe('a=3Eb.c=2A');
  });

  it('name the source, the way and the rest', () => {
    const subjects = new Subjects('a2a', 'node one');
    expect(Subjects.parse(subjects.agent('n.2', 7))).toEqual({ source: 'node one', way: 'agent', rest: ['n.2', '7'] });
    expect(Subjects.parse(subjects.topic('a.b'))).toEqual({ source: 'node one', way: 'topic', rest: ['a', 'b'] });
    expect(() => Subjects.parse('a2a')).toThrow('not one of the router');
    expect(() => new Subjects('a.b', 'n')).toThrow('prefix must be');
    expect(() => new Subjects('a', '')).toThrow('nodeId must have');
  });

  it('make permissions for one node', () => {
    const permissions = nodePermissions('n 1');
    expect(permissions.publish).toEqual(['a2a.n=201.>']);
    expect(permissions.subscribe).toContain('a2a.*.agent.n=201.*');
    expect(formatPermissions(permissions)).toContain('publish: { allow: ["a2a.n=201.>"] }');
  });
});

describe('what arrives from another node', () => {
  it('is read, or refused with ERR_PROTOCOL', { timeout: 600_000 }, () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        try {
          decodeReceived(text, 'x');
          return true;
        } catch (error) {
          return (error as { code?: string }).code === 'ERR_PROTOCOL';
        }
      }),
      { numRuns: RUNS },
    );
    expect(decodeReceived('{"error":{"code":"ERR_TIMEOUT","message":"late"}}', 'x')).toMatchObject({
      kind: 'failure',
      code: 'ERR_TIMEOUT',
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
    receiver.forget(() => true);
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
