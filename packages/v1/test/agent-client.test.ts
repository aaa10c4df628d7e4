import { AgentwireError, type ProxyEvent } from '@agentwire/core';
import { createManualClock } from '@agentwire/core/testing';
import { describe, expect, test } from 'vitest';
import { AgentClient } from '../src/index.ts';
import { frame, head, oldAgent, socketPath } from './old-peers.ts';

const ALLOW = frame({ version: 1, decision: 'allow' });

describe('AgentClient', () => {
  test('sends what an old agent reads', async () => {
    const got: Record<string, unknown>[] = [];
    const path = await oldAgent((message) => (got.push(message), ALLOW));
    await using client = await AgentClient.unixSocket(path);
    await client.sendEvent(head('/a?b=c'));
    const chunk = { id: 'c-1', index: 0, data: Buffer.from('abc'), last: true, totalSize: 3 };
    const events: ProxyEvent[] = [
      { type: 'requestBodyChunk', ...chunk },
      { type: 'responseHeaders', id: 'c-1', status: 200, headers: ['a', '1', 'A', '2'], hasBody: true },
      { type: 'responseBodyChunk', ...chunk },
      {
        type: 'requestComplete',
        id: 'c-1',
        status: 200,
        durationMs: 5,
        requestBodySize: 3,
        responseBodySize: 3,
        upstreamAttempts: 1,
      },
      { type: 'configure', id: 'c-1', config: { a: 1 } },
    ];
    for (const event of events) expect((await client.sendEvent(event)).verdict.type).toBe('allow');
    expect(got.map(({ version, event_type }) => `${String(version)} ${String(event_type)}`)).toEqual([
      '1 request_headers',
      '1 request_body_chunk',
      '1 response_headers',
      '1 response_body_chunk',
      '1 request_complete',
      '1 configure',
    ]);
    expect(got[0]?.['payload']).toMatchObject({
      metadata: { correlation_id: 'c-1', client_ip: '192.0.2.1', timestamp: '2025-01-01T00:00:00Z' },
      method: 'GET',
      uri: '/a?b=c',
      headers: { host: ['example.test'] },
    });
    expect(got[1]?.['payload']).toMatchObject({ correlation_id: 'c-1', data: 'YWJj', is_last: true, total_size: 3 });
    expect(got[5]?.['payload']).toEqual({ agent_id: 'agent', config: { a: 1 } });
  });

  test.each([
    [{ version: 1, decision: { allow: {} } }, 'allow'],
    [{ version: 1, decision: { block: { status: 403, body: 'no', headers: { a: 'b' } } } }, 'block'],
    [
      { version: 1, decision: { redirect: { url: 'https://e.test', status: 302 } }, audit: { tags: ['t'] } },
      'redirect',
    ],
    [{ version: 1, decision: { challenge: { challenge_type: 'c', params: {} } }, needs_more: true }, 'challenge'],
  ])('reads %j', async (answer, verdict) => {
    const path = await oldAgent(() => frame(answer));
    await using client = await AgentClient.unixSocket(path);
    expect((await client.sendEvent(head('/'))).verdict.type).toBe(verdict);
  });

  test.each([
    ['another version', { version: 2, decision: 'allow' }, 'ERR_VERSION_MISMATCH'],
    ['no version', { decision: 'allow' }, 'ERR_VERSION_MISMATCH'],
    ['no decision', { version: 1 }, 'ERR_PROTOCOL'],
    ['an unknown decision', { version: 1, decision: { maybe: {} } }, 'ERR_PROTOCOL'],
    ['text', '"allow"', 'ERR_PROTOCOL'],
  ])('rejects an answer with %s, never as an allow', async (_, answer, code) => {
    const path = await oldAgent(() => frame(answer));
    await using client = await AgentClient.unixSocket(path);
    const error: unknown = await client.sendEvent(head('/')).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AgentwireError);
    expect(error).toMatchObject({ code });
  });

  test('gives up a late answer with its connection, so that the next event does not get it', async () => {
    const clock = createManualClock();
    const asked = Promise.withResolvers<void>();
    let count = 0;
    const path = await oldAgent(() => {
      count += 1;
      if (count > 1) return ALLOW;
      asked.resolve();
      return undefined;
    });
    await using client = await AgentClient.unixSocket(path, { clock, timeoutMs: 1_000 });
    const first = client.sendEvent(head('/slow', 'one'));
    const second = client.sendEvent(head('/', 'two'), { timeoutMs: 5_000 });
    const third = client.sendEvent(head('/', 'three'), { timeoutMs: 500 });
    await asked.promise;
    clock.advance(500);
    await expect(third).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    clock.advance(500);
    await expect(first).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    expect((await second).verdict.type).toBe('allow');
    expect(clock.pendingTimers).toBe(0);
  });

  test('bounds what waits, hears an abort, and fails what is asked when it is closed', async () => {
    const path = await oldAgent(() => undefined);
    const client = await AgentClient.unixSocket(path, { maxQueued: 1 });
    const running = client.sendEvent(head('/', 'one'));
    const controller = new AbortController();
    const waiting = client.sendEvent(head('/', 'two'), { signal: controller.signal });
    await expect(client.sendEvent(head('/', 'three'))).rejects.toMatchObject({ code: 'ERR_OVERLOADED' });
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_ABORTED' });
    await client.close();
    await expect(running).rejects.toMatchObject({ code: 'ERR_CLOSED' });
    await expect(client.sendEvent(head('/'))).rejects.toMatchObject({ code: 'ERR_CLOSED' });
  });

  test('sends nothing longer than 10 MiB, for which an old agent drops the connection, and goes on', async () => {
    const got: unknown[] = [];
    const path = await oldAgent(({ event_type }) => (got.push(event_type), ALLOW));
    await using client = await AgentClient.unixSocket(path);
    // the base64 of it is longer, and the envelope around it is not nothing
    const chunk = (length: number): ProxyEvent => {
      return { type: 'requestBodyChunk', id: 'c-1', index: 0, data: Buffer.alloc(length), last: true };
    };
    await expect(client.sendEvent(chunk(7_864_320))).rejects.toMatchObject({ code: 'ERR_MESSAGE_TOO_LARGE' });
    expect((await client.sendEvent(chunk(7_864_000))).verdict.type).toBe('allow');
    expect(got).toEqual(['request_body_chunk']);
  });

  test('names a path without a listener', async () => {
    const path = socketPath();
    await expect(AgentClient.unixSocket(path)).rejects.toMatchObject({
      code: 'ERR_CONNECT',
      message: expect.stringContaining(path),
    });
  });

  test('knows its options', async () => {
    const wrong = { timeout: 1 } as object;
    await expect(AgentClient.unixSocket('/nowhere', wrong)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  });
});
