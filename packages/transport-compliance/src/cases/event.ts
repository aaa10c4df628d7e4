import assert from 'node:assert/strict';
import { ALLOW, type ProxyEvent } from '@agentwire/core';
import type { EventBody } from '@agentwire/core/session';
import { rule, type ComplianceCase } from '../compliance-case.ts';
import { requestHeaders } from '../kit/samples.ts';

/** Events: fields may be absent or wrong in the same way on every transport. */
export const EVENT_CASES: readonly ComplianceCase[] = [
  rule(
    'event.sparse',
    'a head without metadata arrives with the known fields, a wrong field is refused by name',
    async (kit) => {
      const events: ProxyEvent[] = [];
      const listener = await kit.serve({
        onEvent(event) {
          events.push(event);
          return ALLOW;
        },
      });
      const session = await kit.session(listener.address);
      const head = { type: 'requestHeaders' as const, method: 'GET', uri: '/a', headers: ['host', 'a.test'] };
      for (const metadata of [undefined, {}, { clientIp: '192.0.2.9' }]) {
        await kit.settled('the decision', session.request({ ...head, metadata }));
        const got = events.at(-1);
        assert.ok(got?.type === 'requestHeaders' && got.uri === '/a');
        const { correlationId, requestId, clientIp, clientPort, protocol, timestamp } = got.metadata;
        assert.deepEqual([requestId, clientIp, clientPort, protocol], ['', metadata?.clientIp ?? '', 0, 'HTTP/1.1']);
        assert.equal(correlationId, String(got.id));
        assert.match(timestamp, /^\d{4}-\d\d-\d\dT/);
      }
      const wrong: readonly (readonly [string, object])[] = [
        ['method', { ...head, method: undefined }],
        ['headers', { ...head, headers: 'a' }],
        ['metadata.clientIp', { ...head, metadata: { clientIp: 5 } }],
        ['data', { type: 'requestBodyChunk', index: 0, last: true }],
        ['status', { type: 'responseHeaders', status: 'ok', headers: [] }],
      ];
      for (const [field, event] of wrong) {
        const error = await session.request(event as EventBody).then(
          () => undefined,
          (caught: unknown) => caught as Error & { code?: string },
        );
        assert.equal(error?.code, 'ERR_INVALID_ARGUMENT', `a wrong ${field} was sent`);
        assert.ok(error.message.includes(field), error.message);
      }
      assert.equal(session.inFlight, 0);
    },
  ),
  rule('event.head', 'a head that is impossible in HTTP is delivered as malformed, under its id', async (kit) => {
    const { proxy, agent } = await kit.pair();
    const lines = (count: number): string[] => Array.from({ length: count }, (_, at) => [`x-${at}`, '1']).flat();
    const heads: readonly (readonly [what: string, changes: object, code: string | undefined])[] = [
      ['1 000 header lines', { headers: lines(1000) }, undefined],
      ['1 001 header lines', { headers: lines(1001) }, 'ERR_MESSAGE_TOO_LARGE'],
      ['a header name with a space', { headers: ['a b', '1'] }, 'ERR_PROTOCOL'],
      ['a value with a line break', { headers: ['a', '1\r\nb: 2'] }, 'ERR_PROTOCOL'],
      ['a method with a space', { method: 'G ET' }, 'ERR_PROTOCOL'],
      ['a uri with a space', { uri: '/a b' }, 'ERR_PROTOCOL'],
    ];
    for (const [what, changes, code] of heads) {
      const before = agent.received.length;
      const sent = { ...requestHeaders(kit.id(proxy, before + 1)), ...changes };
      proxy.connection.send(sent);
      await kit.until(what, () => agent.received.length > before);
      const got = agent.received[before];
      const seen = got?.type === 'malformed' ? [got.of, got.id, got.error.code] : [got?.type];
      assert.deepEqual(seen, code === undefined ? [sent.type] : [sent.type, sent.id, code], what);
    }
  }),
];
