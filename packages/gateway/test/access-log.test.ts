import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { Decision, ProxyEvent } from '@agentwire/core';
import { openAccessLog, type AccessLogOptions, type RequestSummary } from '@agentwire/gateway';
import { expect, onTestFinished, test, vi } from 'vitest';
import { exchange } from './raw-client.ts';
import { setup } from './setup.ts';

const block: Decision = { verdict: { type: 'block', status: 403 }, audit: { ruleIds: ['942100', 'sql"i\n'] } };

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'agentwire-access-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

const SUMMARY: RequestSummary = {
  id: 'abc-1',
  method: 'GET',
  uri: '/a?token=secret',
  route: '',
  status: 200,
  outcome: 'allowed',
  startedAt: Date.UTC(2026, 10, 30, 8, 45, 12),
  client: '127.0.0.1',
  protocol: 'HTTP/1.1',
  durationMs: 1.23456,
  agentsMs: 0.5,
  requestBytes: 0,
  responseBytes: 12,
};

/** Stream that keeps what it is given, and takes no more until it is released. */
class Slow extends Writable {
  readonly texts: string[] = [];
  held: (() => void) | undefined;
  #isHeld: boolean;

  constructor(isHeld = false) {
    super({ decodeStrings: false });
    this.#isHeld = isHeld;
  }

  override _write(text: string, _encoding: string, done: () => void): void {
    this.texts.push(text);
    if (this.#isHeld) this.held = done;
    else done();
  }

  release(): void {
    this.#isHeld = false;
    this.held?.();
  }

  get lines(): string[] {
    return this.texts.join('').split('\n').slice(0, -1);
  }
}

async function logged(options: Partial<AccessLogOptions>, ...summaries: Partial<RequestSummary>[]): Promise<string[]> {
  const stream = new Slow();
  const log = await openAccessLog({ stream, ...options });
  for (const summary of summaries) log.log({ ...SUMMARY, ...summary });
  await log.close();
  return stream.lines;
}

test('values of path parameters are logged only with the query; what a path attacks with stays in the line', async () => {
  const uri = '/a;jsessionid=5AC6/..;/b;v=1;w/%3bx?token=secret';
  const lines = await logged({}, { uri });
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ path: '/a;jsessionid=…/..;/b;v=…;w/%3bx' });
  const [whole] = await logged({ query: true }, { uri });
  expect(JSON.parse(whole ?? '')).toMatchObject({ path: uri });
});

test('a request that expects what no proxy does is answered 417 and is in the log, over HTTP/1.1 and HTTP/2', async () => {
  const path = join(folder(), 'access.log');
  const log = await openAccessLog({ file: path });
  const { url } = await setup({}, { onRequestEnd: (summary) => log.log(summary) }, undefined, { h2c: true });
  const http1 = await exchange(url, 'GET /1 HTTP/1.1\r\nhost: h\r\nexpect: 200-ok\r\n\r\n');
  expect(http1).toMatch(/^HTTP\/1\.1 417 /);
  // HTTP/1.0 has no expectations
  const http10 = await exchange(url, 'GET /0 HTTP/1.0\r\nhost: h\r\nexpect: 200-ok\r\n\r\n');
  expect(http10).toMatch(/^HTTP\/1\.1 200 /);
  const session = connect(url);
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':path': '/2', expect: '200-ok' });
  stream.on('error', () => undefined).resume();
  const [head] = (await once(stream, 'response')) as [{ ':status': number }];
  expect(head[':status']).toBe(417);
  await vi.waitFor(() => expect(log.stats.written).toBe(3));
  await log.close();
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { path: '/1', status: 417 },
    { path: '/0', status: 200 },
    { path: '/2', status: 417 },
  ]);
});

test('a gateway logs one JSON line per request: decision, agent, rules, target and split times, without the query', async () => {
  const path = join(folder(), 'access.log');
  const log = await openAccessLog({ file: path });
  const { url, ended } = await setup(
    {
      waf: (event) =>
        event.type === 'requestHeaders' && event.uri.startsWith('/bad') ? block : { verdict: { type: 'allow' } },
    },
    { onRequestEnd: (summary) => log.log(summary) },
  );
  await (await fetch(`${url}/ok?token=secret`, { method: 'POST', body: 'hello' })).arrayBuffer();
  await (await fetch(`${url}/bad?x=1`)).arrayBuffer();
  void ended;
  await vi.waitFor(() => expect(log.stats.written).toBe(2));
  await log.close();
  const text = readFileSync(path, 'utf8');
  expect(text).not.toContain('secret');
  const [ok, bad] = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(ok).toEqual({
    time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    id: expect.stringMatching(/^[0-9a-f]{12}-1$/) as string,
    client: '127.0.0.1',
    method: 'POST',
    path: '/ok',
    protocol: 'HTTP/1.1',
    status: 200,
    decision: 'allowed',
    upstream: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string,
    requestBytes: 5,
    responseBytes: expect.any(Number) as number,
    durationMs: expect.any(Number) as number,
    agentsMs: expect.any(Number) as number,
    queuedMs: expect.any(Number) as number,
    upstreamMs: expect.any(Number) as number,
  });
  expect(bad).toMatchObject({
    path: '/bad',
    status: 403,
    decision: 'blocked',
    agent: 'waf',
    rules: ['942100', 'sql"i\\u{a}'],
  });
  expect([bad?.['upstream'], bad?.['queuedMs'], bad?.['upstreamMs']]).toEqual([undefined, undefined, undefined]);
  expect(statSync(path).mode & 0o777).toBe(0o640 & ~process.umask());
});

test('a line tells which decisions failure policies and the cache made, and the warning has its id', async () => {
  const stream = new Slow();
  const log = await openAccessLog({ stream });
  const warnings: Record<string, unknown>[] = [];
  const quiet = (): void => undefined;
  const logger = {
    debug: quiet,
    info: quiet,
    error: quiet,
    warn: (fields: Record<string, unknown>) => void warnings.push(fields),
  };
  const pathOf = (event: ProxyEvent): string => (event.type === 'requestHeaders' ? event.uri : '');
  const fail = (): never => {
    throw new Error('secret of the handler');
  };
  const allow: Decision = { verdict: { type: 'allow' } };
  const cacheable: Decision = { ...allow, cache: { ttlMs: 60_000, vary: ['path'] } };
  const events = ['requestHeaders'] as const;
  const { url } = await setup(
    {
      audit: { on: (event) => (pathOf(event) === '/real' ? block : cacheable), events },
      waf: { on: (event) => (pathOf(event) === '/ok' ? allow : fail()), events, add: { onFailure: 'open' } },
      last: { on: (event) => (pathOf(event) === '/closed' ? fail() : allow), events },
    },
    { onRequestEnd: log.log },
    undefined,
    {},
    { logger, decisionCache: {} },
  );
  for (const path of ['/ok', '/ok', '/open', '/closed', '/real']) await (await fetch(url + path)).arrayBuffer();
  await vi.waitFor(() => expect(log.stats.written).toBe(5));
  await log.close();
  const lines = stream.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(
    lines.map(({ decision, agent, failed, reason, cached }) => ({ decision, agent, failed, reason, cached })),
  ).toEqual([
    { decision: 'allowed' },
    { decision: 'allowed', cached: ['audit'] },
    { decision: 'allowed', failed: 'waf', reason: 'agent_error' },
    { decision: 'blocked', agent: 'last', failed: 'last', reason: 'agent_error' },
    { decision: 'blocked', agent: 'audit' },
  ]);
  const failures = warnings.filter(({ policy }) => policy !== undefined);
  expect(failures).toMatchObject([
    { id: lines[2]?.['id'], agent: 'waf', policy: 'open', kind: 'agent_error' },
    { id: lines[3]?.['id'], agent: 'last', policy: 'closed' },
  ]);
  expect(stream.texts.join('')).not.toContain('secret');
});

test('a line has the tags and reason codes of the decision that refused, else of all decisions, each once and 16 at most', async () => {
  const stream = new Slow();
  const log = await openAccessLog({ stream });
  const numbered = Array.from({ length: 20 }, (_, at) => `t${at}`);
  const { url } = await setup(
    {
      first: () => ({ verdict: { type: 'allow' }, audit: { tags: ['seen'], ruleIds: ['r-1'] } }),
      second: (event) => {
        const blocks = event.type === 'requestHeaders' && event.uri === '/bad';
        if (blocks)
          return { verdict: { type: 'block', status: 415 }, audit: { reasonCodes: ['agentwire:ERR_BODY_ENCODING'] } };
        return { verdict: { type: 'allow' }, audit: { tags: ['seen', ...numbered] } };
      },
    },
    { onRequestEnd: log.log },
  );
  for (const path of ['/ok', '/bad']) await (await fetch(url + path)).arrayBuffer();
  await vi.waitFor(() => expect(log.stats.written).toBe(2));
  await log.close();
  const [ok, bad] = stream.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(ok).toMatchObject({ decision: 'allowed', rules: ['r-1'], tags: ['seen', ...numbered.slice(0, 15)] });
  expect(bad).toMatchObject({ decision: 'blocked', agent: 'second', reasonCodes: ['agentwire:ERR_BODY_ENCODING'] });
  expect([bad?.['rules'], bad?.['tags'], ok?.['reasonCodes']]).toEqual([undefined, undefined, undefined]);
});

test('a request past maxConcurrentRequests is in the log, with the status it got', async () => {
  const stream = new Slow();
  const log = await openAccessLog({ stream });
  const waiting = Promise.withResolvers<void>();
  const { url } = await setup(
    {},
    { maxConcurrentRequests: 1, onRequestEnd: log.log },
    (_request, response) => void waiting.promise.then(() => response.end()),
  );
  const first = fetch(`${url}/first`);
  await vi.waitFor(async () => expect((await fetch(`${url}/second`)).status).toBe(503));
  waiting.resolve();
  expect((await first).status).toBe(200);
  await vi.waitFor(() => expect(stream.lines.some((line) => line.includes('"/first"'))).toBe(true));
  expect(JSON.parse(stream.lines[0] ?? '')).toMatchObject({ path: '/second', status: 503, decision: 'failed' });
  await log.close();
});

test('combined is the line of Apache with fields of the gateway after it; header values cannot end their quotes', async () => {
  const [line] = await logged(
    { format: 'combined' },
    {
      outcome: 'blocked',
      status: 403,
      agent: 'waf',
      decision: block,
      audit: { ...block.audit, tags: ['attack'], reasonCodes: ['sql"i', 'agentwire:ERR_BODY_ENCODING'] },
      referer: 'https://user:pass@h.example/page?session=1',
      userAgent: 'a" 200 "\\\u001b[31mx\r\n',
      route: 'route 1',
      upstream: 'http://10.0.0.1:80',
      queuedMs: 0.1,
      upstreamMs: 2,
    },
  );
  expect(line).toBe(
    '127.0.0.1 - - [30/Nov/2026:08:45:12 +0000] "GET /a HTTP/1.1" 403 12 "https://h.example/page" ' +
      String.raw`"a\" 200 \"\\\u{1b}[31mx\u{d}\u{a}" id=abc-1 decision=blocked agent="waf" rules="942100,sql\"i\u{a}" ` +
      String.raw`tags="attack" reasonCodes="sql\"i,agentwire:ERR_BODY_ENCODING" ` +
      'route="route 1" upstream="http://10.0.0.1:80" durationMs=1.235 agentsMs=0.5 queuedMs=0.1 upstreamMs=2',
  );
  expect(await logged({ format: 'combined' }, { client: '' })).toEqual([
    '- - - [30/Nov/2026:08:45:12 +0000] "GET /a HTTP/1.1" 200 12 "-" "-" id=abc-1 decision=allowed durationMs=1.235 agentsMs=0.5',
  ]);
  const open = {
    failed: 'w"af',
    reason: 'timeout',
    cached: ['geo', 'bots'],
    audit: { tags: ['agentwire:fail-open'] },
  } as const;
  const fields = String.raw`decision=allowed failed="w\"af" reason=timeout cached="geo,bots" tags="agentwire:fail-open" durationMs=`;
  expect(await logged({ format: 'combined' }, open)).toEqual([expect.stringContaining(fields) as string]);
});

test('a gRPC call that the gateway answered has its status', async () => {
  const blocked = { outcome: 'blocked', grpcStatus: 7 } as const;
  expect(await logged({}, blocked)).toEqual([
    expect.stringContaining('"status":200,"grpcStatus":7,"decision":"blocked"'),
  ]);
  expect(await logged({ format: 'combined' }, blocked)).toEqual([
    expect.stringContaining('id=abc-1 grpcStatus=7 decision=blocked '),
  ]);
});

test('with query the query is there; lines stay bounded, and no control character of a client is in one', async () => {
  const rules = Array.from({ length: 100 }, () => 'r'.repeat(1_000));
  const lines = await logged(
    { query: true },
    {},
    {
      uri: `/${'p'.repeat(100_000)}`,
      method: 'G\u0085\u2028\u202e',
      agent: 'a',
      decision: { ...block },
      audit: { ruleIds: rules, tags: rules, reasonCodes: rules },
    },
  );
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ path: '/a?token=secret' });
  expect(lines).toHaveLength(2);
  expect(lines[1]?.length).toBeLessThan(8_192);
  expect(lines[1]).not.toMatch(/[\p{Cc}\u2028\u202e]/u);
});

test('requests: blocked logs what agents blocked, redirected or challenged, and nothing else', async () => {
  const outcomes = ['allowed', 'blocked', 'redirected', 'challenged', 'failed', 'cancelled'] as const;
  const lines = await logged({ requests: 'blocked' }, ...outcomes.map((outcome) => ({ outcome })));
  expect(lines.map((line) => (JSON.parse(line) as { decision: string }).decision)).toEqual([
    'blocked',
    'redirected',
    'challenged',
  ]);
});

test('a slow destination costs lines, which are counted, and no memory; blocked requests have room of their own', async () => {
  const stream = new Slow(true);
  const warned: unknown[] = [];
  const logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (fields: unknown) => warned.push(fields),
    error: () => undefined,
  };
  const log = await openAccessLog({ stream, maxBufferBytes: 4_096, logger });
  for (let at = 0; at < 1_000; at += 1) log.log(SUMMARY);
  const { dropped } = log.stats;
  expect(dropped).toBeGreaterThan(950);
  log.log({ ...SUMMARY, outcome: 'blocked' });
  expect(log.stats.dropped).toBe(dropped);
  await vi.waitFor(() => expect(stream.held).toBeDefined());
  log.log(SUMMARY);
  expect(log.stats.dropped).toBe(dropped + 1);
  stream.release();
  await vi.waitFor(() => expect(log.stats.written).toBe(1_001 - dropped));
  expect(warned).toEqual([{ lines: dropped + 1 }]);
  log.log(SUMMARY);
  await log.close();
  expect(stream.lines).toHaveLength(1_002 - dropped);
  log.log(SUMMARY);
  expect(log.stats.dropped).toBe(dropped + 2);
});

test('a destination that fails costs its lines and nothing else', async () => {
  const errors: unknown[] = [];
  const none = (): undefined => undefined;
  const error = (fields: object, message: string): void => void errors.push({ ...fields, message });
  const logger = { debug: none, info: none, warn: none, error };
  const stream = new Writable({ write: (_text, _encoding, done) => done(new Error('no space left')) });
  const log = await openAccessLog({ stream, logger });
  log.log(SUMMARY);
  await vi.waitFor(() => expect(log.stats).toEqual({ written: 0, dropped: 1 }));
  expect(errors.splice(0)).toEqual([{ lines: 1, message: 'the access log could not write: no space left' }]);
  await log.close();
  const full = await openAccessLog({ file: '/dev/full', logger });
  full.log(SUMMARY);
  await full.close();
  const message = expect.stringMatching(/^the access log could not write: ENOSPC: no space left/) as string;
  expect(errors).toEqual([{ file: '/dev/full', code: 'ENOSPC', lines: 1, message }]);
});

test('after a rotation reopen writes to a new file, and no line is lost in between', async () => {
  const path = join(folder(), 'access.log');
  const log = await openAccessLog({ file: path });
  log.log({ ...SUMMARY, uri: '/before' });
  await vi.waitFor(() => expect(log.stats.written).toBe(1));
  renameSync(path, `${path}.1`);
  log.log({ ...SUMMARY, uri: '/between' });
  await vi.waitFor(() => expect(log.stats.written).toBe(2));
  await Promise.all([log.reopen(), log.reopen()]);
  log.log({ ...SUMMARY, uri: '/after' });
  await log.close();
  const paths = (file: string): string[] =>
    readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { path: string }).path);
  expect([paths(`${path}.1`), paths(path)]).toEqual([['/before', '/between'], ['/after']]);
});

test('a reopen that fails keeps the former file', async () => {
  const inner = folder();
  const path = join(inner, 'access.log');
  const log = await openAccessLog({ file: path });
  renameSync(inner, `${inner}-gone`);
  onTestFinished(() => rmSync(`${inner}-gone`, { recursive: true, force: true }));
  await log.reopen();
  log.log(SUMMARY);
  await log.close();
  expect(readFileSync(join(`${inner}-gone`, 'access.log'), 'utf8').split('\n')).toHaveLength(2);
});

test('a file that cannot be opened, and two destinations, are errors at once', async () => {
  await expect(openAccessLog({ file: join(folder(), 'none', 'access.log') })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringContaining('the access log cannot be opened: ENOENT') as string,
  });
  await expect(openAccessLog({})).rejects.toThrow('needs a file or a stream');
  await expect(openAccessLog({ stream: new Slow(), format: 'xml' as 'json' })).rejects.toThrow('format must be');
});

test('a client that leaves is in the log with status 0', async () => {
  const stream = new Slow();
  const log = await openAccessLog({ stream });
  const seen = Promise.withResolvers<void>();
  const { url } = await setup({}, { onRequestEnd: log.log }, () => seen.resolve());
  const leaving = request(`${url}/left`);
  leaving.on('error', () => undefined).end();
  await seen.promise;
  leaving.destroy();
  await vi.waitFor(() => expect(stream.lines).toHaveLength(1));
  expect(JSON.parse(stream.lines[0] ?? '')).toMatchObject({ path: '/left', status: 0, decision: 'cancelled' });
  await log.close();
});
