import { AssertionError } from 'node:assert';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allow, block, defineAgent } from '@agentwire/agent';
import type { RecordedCall, RecordedRequest } from '@agentwire/recording';
import { expect, onTestFinished, test } from 'vitest';
import { testAgent, type TestedAgent } from '../src/index.ts';

function recorded(uri: string, calls: readonly RecordedCall[], more: Partial<RecordedRequest> = {}): RecordedRequest {
  const metadata = {
    correlationId: uri,
    requestId: uri,
    clientIp: '10.0.0.1',
    clientPort: 1,
    protocol: 'HTTP/1.1',
    timestamp: '2026-01-01T00:00:00.000Z',
  };
  const headers = [
    ['host', 'site.example'],
    ['authorization', null],
  ] as const;
  return {
    recording: 1,
    time: '2026-01-01T00:00:00.000Z',
    id: uri,
    agent: 'waf',
    request: { method: 'POST', uri, headers, hasBody: true, metadata },
    calls,
    ...more,
  };
}

const HEAD: RecordedCall = { event: 'requestHeaders', decision: { decision: 'allow', needs_more: true }, ms: 1 };
const chunk = (text: string | undefined, decision: RecordedCall['decision']): RecordedCall => ({
  event: 'requestBodyChunk',
  index: 0,
  last: true,
  bytes: 7,
  ...(text !== undefined && { text }),
  decision,
  ms: 1,
});

function written(...lines: readonly RecordedRequest[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'agentwire-golden-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'golden.ndjson');
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return file;
}

/** Agent that blocks bodies with `word`. */
function waf(word: string, seen: unknown[] = []): TestedAgent {
  const agent = testAgent(
    defineAgent({
      name: 'waf',
      version: '1',
      requestBody: true,
      async onRequestHeaders(request, { clock }) {
        seen.push([request.headers.get('authorization'), clock.wallNow()]);
        if ((await request.text()).includes(word)) return block(403, 'no').withRule(word);
        return allow().setResponseHeader('set-cookie', 'sid=1');
      },
    }),
  );
  onTestFinished(() => agent.close());
  return agent;
}

const PASSED = { decision: 'allow', response_headers: [{ set: { name: 'set-cookie', value: null } }] };
const BLOCKED = { decision: { block: { status: 403, body: { bytes: 2 } } }, audit: { rule_ids: ['union'] } };

test('an agent that decides as it did passes; redacted headers are not sent, and its time moves as it did', async () => {
  const file = written(
    recorded('/good', [HEAD, chunk('hello a', PASSED)]),
    recorded('/bad', [HEAD, chunk('a union', BLOCKED)], { time: '2026-01-01T00:00:05.000Z' }),
    recorded('/body-not-recorded', [chunk(undefined, PASSED)]),
    recorded('/partly', [HEAD, chunk(undefined, PASSED)]),
    recorded('/failed', [{ ...HEAD, failed: true }]),
  );
  const seen: [unknown, number][] = [];
  expect(await waf('union', seen).replay(file)).toEqual({ same: 4, changed: 0, skipped: 1 });
  expect(seen.every(([authorization]) => authorization === undefined)).toBe(true);
  expect((seen[1]?.[1] ?? 0) - (seen[0]?.[1] ?? 0)).toBe(5_000);
});

test('tags of the pool are no difference, and those of the agent are', async () => {
  const tagged = (...tags: string[]): RecordedCall => ({
    ...chunk('hello a', { ...PASSED, audit: { tags } }),
    cached: true,
  });
  const file = written(recorded('/cached', [HEAD, tagged('agentwire:cached')]));
  expect(await waf('union').replay(file)).toEqual({ same: 1, changed: 0, skipped: 0 });
  const other = written(recorded('/cached', [HEAD, tagged('mine', 'agentwire:cached')]));
  await expect(waf('union').replay(other)).rejects.toThrow('- audit.tags: ["mine"]');
  await waf('union').replay(other, { update: true });
  expect(readFileSync(other, 'utf8')).not.toContain('cached":true');
});

test('a changed decision fails with what changed, and can be accepted', async () => {
  const file = written(
    recorded('/good', [HEAD, chunk('hello a', PASSED)]),
    recorded('/bad', [HEAD, chunk('a union', BLOCKED)]),
  );
  const lax = waf('select');
  const failed = lax.replay(file);
  await expect(failed).rejects.toThrow(AssertionError);
  await expect(failed).rejects.toThrow(
    [
      'POST /bad (/bad, requestBodyChunk)',
      '  - decision: block 403',
      '  + decision: allow',
      '  - response_headers: none',
      '  + response_headers: [{"set":{"name":"set-cookie","value":null}}]',
      '  - audit.rule_ids: ["union"]',
      '  + audit.rule_ids: none',
    ].join('\n'),
  );
  expect(await lax.replay(file, { update: true })).toEqual({ same: 1, changed: 1, skipped: 0 });
  expect(readFileSync(file, 'utf8')).not.toContain('sid=1');
  expect(await lax.replay(file)).toEqual({ same: 2, changed: 0, skipped: 0 });
  await expect(waf('union').replay(file)).rejects.toThrow(AssertionError);
});

test('a handler that throws is a difference, and a file that is no recording is refused', async () => {
  const broken = testAgent(
    defineAgent({
      name: 'waf',
      version: '1',
      onRequestHeaders() {
        throw new Error('broken');
      },
    }),
  );
  onTestFinished(() => broken.close());
  const line = recorded('/a', [HEAD]);
  await expect(broken.replay(written(line))).rejects.toThrow(
    "! ERR_HANDLER: the agent could not decide: the agent's handler failed: broken",
  );
  const agent = waf('union');
  const two = written(line, { ...line, agent: 'other' });
  await expect(agent.replay(two)).rejects.toThrow('has the agents waf, other: name one with agent');
  await expect(agent.replay(two, { agent: 'absent' })).rejects.toThrow('"absent" is none of them');
  await expect(agent.replay(written())).rejects.toThrow('is empty');
  const torn = written(line);
  writeFileSync(torn, '{"recording":1', { flag: 'a' });
  await expect(agent.replay(torn)).rejects.toThrow(`${torn}:2 is no line of a recording`);
  await expect(agent.replay(`${torn}.absent`)).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
});
