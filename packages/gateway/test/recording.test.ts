import { execFileSync } from 'node:child_process';
import { createReadStream, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ALLOW, AgentwireError, type Decision } from '@agentwire/core';
import { openRecording, type Recording, type RecordingOptions } from '@agentwire/gateway';
import type { RecordedRequest } from '@agentwire/recording';
import { expect, onTestFinished, test, vi } from 'vitest';
import { setup } from './setup.ts';

const BLOCK: Decision = { verdict: { type: 'block', status: 403, body: 'no' }, audit: { ruleIds: ['942100'] } };

interface Kept {
  readonly file: string;
  readonly record: Recording;
  /** Writes everything, and reads it. */
  readonly lines: () => Promise<RecordedRequest[]>;
}

async function recording(options: Partial<RecordingOptions> = {}, before?: string): Promise<Kept> {
  const folder = mkdtempSync(join(tmpdir(), 'agentwire-recording-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'recording.ndjson');
  if (before !== undefined) writeFileSync(file, before);
  const record = await openRecording({ file, ...options });
  onTestFinished(() => record.close());
  const lines = async (): Promise<RecordedRequest[]> => {
    await record.close();
    const texts = readFileSync(file, 'utf8').split('\n').slice(0, -1);
    return texts.map((text) => JSON.parse(text) as RecordedRequest);
  };
  return { file, record, lines };
}

test('a line tells what an agent was asked about a request, and what it decided', async () => {
  const { file, record, lines } = await recording();
  const { url, ended } = await setup(
    {
      waf: ({ type }) =>
        type === 'requestHeaders'
          ? {
              ...ALLOW,
              requestHeaders: [{ op: 'set', name: 'x-waf', value: 'pass' }],
              audit: { ruleIds: ['1'], custom: { seen: 'secret' } },
            }
          : ALLOW,
    },
    { record },
  );
  await fetch(`${url}/a`, { headers: { 'x-one': '1' } });
  await ended(1);
  const [line, ...rest] = await lines();
  expect(rest).toEqual([]);
  expect(line).toMatchObject({
    recording: 1,
    agent: 'waf',
    request: { method: 'GET', uri: '/a', hasBody: false, metadata: { clientIp: '127.0.0.1' } },
    complete: { status: 200 },
  });
  expect(line?.request.headers).toContainEqual(['x-one', '1']);
  expect(line?.calls.map(({ event, decision }) => [event, decision])).toEqual([
    [
      'requestHeaders',
      {
        decision: 'allow',
        request_headers: [{ set: { name: 'x-waf', value: 'pass' } }],
        audit: { rule_ids: ['1'] },
      },
    ],
    ['responseHeaders', { decision: 'allow' }],
  ]);
  expect(line?.calls[1]).toMatchObject({ status: 200, hasBody: true });
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('secrets and queries are left out of requests, responses and decisions, and the names stay', async () => {
  const { file, record, lines } = await recording({ redact: ['X-Custom'] });
  const { url, ended } = await setup(
    {
      auth: ({ type }) =>
        type === 'requestHeaders'
          ? {
              verdict: { type: 'redirect', url: 'https://login.example/?state=hidden', status: 302 },
              responseHeaders: [{ op: 'add', name: 'set-cookie', value: 'sid=hidden' }],
              routingMetadata: { api_key: 'hidden', pool: 'blue' },
            }
          : ALLOW,
    },
    { record },
  );
  await fetch(`${url}/a?token=hidden`, {
    redirect: 'manual',
    headers: {
      authorization: 'Bearer hidden',
      cookie: 'sid=hidden',
      'x-api-key': 'hidden',
      'x-custom': 'hidden',
      referer: 'https://site.example/?q=hidden',
    },
  });
  await ended(1);
  const [line] = await lines();
  expect(readFileSync(file, 'utf8')).not.toContain('hidden');
  expect(line?.request).toMatchObject({ uri: '/a', query: null });
  const values = new Map(line?.request.headers);
  for (const name of ['authorization', 'cookie', 'x-api-key', 'x-custom', 'referer'])
    expect(values.get(name), name).toBe(null);
  expect(line?.calls[0]?.decision).toEqual({
    decision: { redirect: { url: 'https://login.example/', query: null, status: 302 } },
    response_headers: [{ add: { name: 'set-cookie', value: null } }],
    routing_metadata: { api_key: null, pool: 'blue' },
  });
});

test('queries and bodies are recorded on request, bodies up to their limit and chunk by chunk', async () => {
  const { record, lines } = await recording({ query: true, maxBodyBytes: 8 });
  const { url, ended } = await setup(
    {
      dlp: (event) =>
        event.type === 'requestHeaders' || (event.type === 'requestBodyChunk' && !event.last)
          ? { ...ALLOW, needsMore: true }
          : ALLOW,
    },
    { record, maxChunkBytes: 5 },
  );
  await fetch(`${url}/a?b=1`, { method: 'POST', body: 'helloworld' });
  await ended(1);
  const [line] = await lines();
  expect(line?.request.uri).toBe('/a?b=1');
  const chunks = line?.calls.filter(({ event }) => event === 'requestBodyChunk');
  expect(chunks?.[0]).toMatchObject({ index: 0, last: false, bytes: 5, text: 'hello' });
  expect(chunks?.slice(1).map(({ bytes, text }) => [bytes, text])).toEqual(
    chunks?.slice(1).map(({ bytes }) => [bytes, undefined]),
  );
});

test('agents that observe, a failure policy, a cancelled request and an untaken event are told apart', async () => {
  const { record, lines } = await recording();
  const { promise: asked, resolve } = Promise.withResolvers<void>();
  const { url, ended, pool } = await setup(
    {
      watcher: () => BLOCK,
      broken: () => {
        throw new AgentwireError('ERR_HANDLER', 'no decision');
      },
      quiet: { on: () => ALLOW, events: ['responseHeaders'] },
    },
    { record, agentSettings: { watcher: { mode: 'observe' }, broken: { onFailure: 'open' } } },
    (_request, response) => {
      if (_request.url === '/hang') resolve();
      else response.end('hi');
    },
  );
  await fetch(`${url}/a`);
  await ended(1);
  const leaving = new AbortController();
  const left = fetch(`${url}/hang`, { signal: leaving.signal }).catch(() => undefined);
  await asked;
  leaving.abort();
  await left;
  await ended(2);
  await vi.waitFor(() => expect(pool.stats.agents.every(({ inFlight }) => inFlight === 0)).toBe(true));
  const all = await lines();
  const of = (agent: string, uri: string): RecordedRequest | undefined =>
    all.find((line) => line.agent === agent && line.request.uri === uri);
  expect(of('watcher', '/a')).toMatchObject({
    observed: true,
    calls: [{ decision: { decision: { block: { status: 403, body: { bytes: 2 } } } } }],
  });
  expect(of('broken', '/a')?.calls[0]).toMatchObject({ failed: true, decision: { decision: 'allow' } });
  expect(of('quiet', '/a')?.calls.map(({ event }) => event)).toEqual(['responseHeaders']);
  expect(of('broken', '/a')?.complete).toBeDefined();
  expect(of('quiet', '/hang')).toMatchObject({ calls: [] });
  expect(of('quiet', '/hang')?.complete).toBe(undefined);
});

test('a decision from the cache is recorded as such, and none whose agent wrote the tags of the pool', async () => {
  const { record, lines } = await recording();
  const tags = ['mine', 'agentwire:cached', 'agentwire:fail-open'];
  const kept: Decision = { ...ALLOW, audit: { tags }, cache: { ttlMs: 60_000, vary: ['path'] } };
  const agents = { waf: { on: () => kept, events: ['requestHeaders'] } } as const;
  const { url, ended, summaries } = await setup(agents, { record }, undefined, {}, { decisionCache: {} });
  await fetch(`${url}/a`);
  await ended(1);
  await fetch(`${url}/a`);
  await ended(2);
  const all = await lines();
  expect(all.map(({ calls }) => calls)).toMatchObject([
    [{ event: 'requestHeaders', decision: { decision: 'allow' } }],
    [{ event: 'requestHeaders', cached: true, decision: { decision: 'allow' } }],
  ]);
  expect(all[0]?.calls[0]).not.toHaveProperty('cached');
  expect(all[0]?.calls[0]).not.toHaveProperty('failed');
  expect(summaries.map(({ cached }) => cached)).toEqual([undefined, ['waf']]);
});

test('a recording ends when its file is full, and goes on once that was renamed', async () => {
  const warn = vi.fn();
  const logger = { debug: vi.fn(), info: vi.fn(), warn, error: vi.fn() };
  const { file, record, lines } = await recording({ maxFileBytes: 4_096, logger });
  const { url, ended } = await setup({ waf: () => ALLOW }, { record });
  for (let count = 0; count < 12; count++) await fetch(`${url}/${count}`);
  await ended(12);
  expect(record.stats).toMatchObject({ full: true });
  expect(record.stats.dropped).toBeGreaterThan(0);
  expect(warn).toHaveBeenCalledWith({ maxFileBytes: 4_096 }, expect.stringContaining('its file is full'));
  await vi.waitFor(() => expect(statSync(file).size).toBeGreaterThan(2_000));
  expect(statSync(file).size).toBeLessThanOrEqual(4_096);
  renameSync(file, `${file}.1`);
  await record.reopen();
  expect(record.stats.full).toBe(false);
  await fetch(`${url}/again`);
  await ended(13);
  expect((await lines()).map(({ request }) => request.uri)).toEqual(['/again']);
});

test('requests that are not over are bounded in memory: the oldest is written as it is', async () => {
  const { record, lines } = await recording({ maxBufferBytes: 65_536 });
  const held: (() => void)[] = [];
  const { url, ended } = await setup({ waf: () => ALLOW }, { record }, (_request, response) => {
    held.push(() => response.end('hi'));
  });
  const padding = 'x'.repeat(8_000);
  const all = Array.from({ length: 12 }, (_, at) => fetch(`${url}/${at}`, { headers: { padding } }));
  await vi.waitFor(() => expect(held).toHaveLength(12));
  await vi.waitFor(() => expect(record.stats.written).toBeGreaterThan(3));
  for (const end of held) end();
  await Promise.all(all);
  await ended(12);
  const recorded = await lines();
  expect(recorded).toHaveLength(12);
  expect(recorded.filter(({ complete }) => complete === undefined).length).toBeGreaterThan(3);
});

test('a line that a killed process left unfinished is ended, and a file that cannot be opened is refused', async () => {
  const { file, record } = await recording({}, '{"recording":1,"ti');
  const { url, ended } = await setup({ waf: () => ALLOW }, { record });
  await fetch(`${url}/a`);
  await ended(1);
  await record.close();
  const [torn, line] = readFileSync(file, 'utf8').split('\n');
  expect(torn).toBe('{"recording":1,"ti');
  expect(JSON.parse(line ?? '')).toMatchObject({ agent: 'waf' });
  await expect(openRecording({ file: join(file, 'x') })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' });
  await expect(openRecording({})).rejects.toThrow('openRecording needs a file');
  await expect(openRecording({ file, maxBodyBytes: -1 })).rejects.toThrow('maxBodyBytes must be an integer from 0');
  await expect(openRecording({ file, redact: ['x', 'A B'] })).rejects.toThrow(
    'redact[1] must be the name of a header, got "A B"',
  );
});

test('a disk that takes nothing drops lines, and no request waits for it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'agentwire-recording-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'pipe');
  // takes 64 KiB, and then nothing until it is read
  execFileSync('mkfifo', [file]);
  const record = await openRecording({ file, maxBufferBytes: 65_536 });
  const { url, ended } = await setup({ waf: () => ALLOW }, { record });
  const padding = 'x'.repeat(12_000);
  for (let count = 0; count < 30; count++) await fetch(url, { headers: { padding } });
  await ended(30);
  expect(record.stats.dropped).toBeGreaterThan(5);
  const reader = createReadStream(file).resume();
  await record.close();
  reader.destroy();
  expect(record.stats.written + record.stats.dropped).toBe(30);
});

test('texts of clients and agents act on no terminal that shows the file, and are read as they were', async () => {
  const { file, record, lines } = await recording();
  const { url, ended } = await setup(
    { waf: () => ({ ...ALLOW, audit: { ruleIds: ['\u009b31m\u202e\u2028'] } }) },
    { record },
  );
  await fetch(url, { headers: { 'x-one': '\u009b31m' } });
  await ended(1);
  const [line] = await lines();
  expect(line?.request.headers).toContainEqual(['x-one', '\u009b31m']);
  expect(line?.calls[0]?.decision).toMatchObject({ audit: { rule_ids: ['\u009b31m\u202e\u2028'] } });
  expect(readFileSync(file, 'utf8').trimEnd()).not.toMatch(/[\p{Cc}\u2028\u202e]/u);
});
