import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { agentwire, socketFolder, start } from './command-line.ts';

interface CallReport {
  readonly agent?: {
    readonly name: string;
    readonly transport: string;
    readonly dialect: string;
    readonly encoding: string;
  };
  readonly decisions: readonly Record<string, unknown>[];
  readonly error?: { readonly code: string };
}

const SEEN = { request_headers: [{ set: { name: 'x-agent', value: 'allow' } }], audit: { tags: ['seen'] } };
const ROWS: readonly [uri: string, expected: Record<string, unknown>][] = [
  ['/any', { decision: 'allow', ...SEEN }],
  ['/block?q=1', { decision: { block: { status: 403, body: 'blocked by agent', headers: { 'x-agent': 'block' } } } }],
  ['/redirect', { decision: { redirect: { url: 'https://example.test/login', status: 302 } } }],
  ['/challenge', { decision: { challenge: { challenge_type: 'captcha', params: { site_key: 'k1' } } } }],
  [
    '/mutate',
    {
      decision: 'allow',
      request_headers: [
        { set: { name: 'x-agent-set', value: '1' } },
        { add: { name: 'x-agent-add', value: '1' } },
        { add: { name: 'x-agent-add', value: '2' } },
        { remove: { name: 'x-remove-me' } },
      ],
      response_headers: [{ set: { name: 'x-agent-resp', value: '1' } }],
      audit: { tags: ['mutated'], rule_ids: ['r-1'], confidence: 0.5, reason_codes: ['TEST'], custom: { k: 'v' } },
    },
  ],
  ['/slow?ms=1', { decision: 'allow', ...SEEN }],
];

test('one agent, every transport, dialect and encoding: the same decisions', async () => {
  const unix = `unix:${join(socketFolder(), 'a.sock')}`;
  const agent = start(
    'agent',
    'reference',
    '--listen',
    unix,
    '--listen',
    'grpc://127.0.0.1:0',
    '--listen',
    'tcp://127.0.0.1:0',
  );
  expect(await agent.line('listening unix:')).toBe(unix.slice(5));
  const grpc = `grpc:${await agent.line('listening grpc:')}`;
  const tcp = `tcp:${await agent.line('listening tcp:')}`;
  const ways: readonly [endpoint: string, flags: string[], agent: Record<string, string>][] = [
    [unix, [], { transport: 'uds', dialect: 'documented', encoding: 'msgpack' }],
    [unix, ['--encoding', 'json'], { transport: 'uds', dialect: 'documented', encoding: 'json' }],
    [unix, ['--dialect', 'zentinel', '--encoding', 'json'], { dialect: 'zentinel', encoding: 'json' }],
    [unix, ['--dialect', 'zentinel', '--encoding', 'msgpack'], { dialect: 'zentinel', encoding: 'msgpack' }],
    [grpc, [], { transport: 'grpc', encoding: 'protobuf' }],
    [tcp, [], { encoding: 'msgpack' }],
  ];
  for (const [endpoint, flags, way] of ways) {
    for (const [uri, expected] of ROWS) {
      const { status, stdout } = await agentwire('call', endpoint, '--uri', uri, '--json', ...flags);
      const report = JSON.parse(stdout) as CallReport;
      expect(report.agent).toMatchObject({ name: 'reference', ...way });
      expect(report.decisions, `${uri} over ${endpoint} ${flags.join(' ')}`).toMatchObject([
        { phase: 'request_headers', ...expected },
      ]);
      expect(status).toBe(0);
    }
  }
  expect(await agent.stop()).toBe(0);
}, 120_000);

test('bodies go in chunks while the agent asks for more, and a response after them', async () => {
  const unix = `unix:${join(socketFolder(), 'a.sock')}`;
  const agent = start('agent', 'reference', '--listen', unix);
  await agent.line('listening');
  const call = async (...args: string[]): Promise<CallReport> =>
    JSON.parse((await agentwire('call', unix, '--json', ...args)).stdout) as CallReport;
  const attack = await call('--uri', '/needs-more', '--body', 'an attack', '--chunk-bytes', '4');
  expect(attack.decisions.map(({ phase }) => phase)).toEqual([
    'request_headers',
    'request_body',
    'request_body',
    'request_body',
  ]);
  expect(attack.decisions.at(-1)?.['decision']).toEqual({ block: { status: 403, body: 'attack in body' } });
  const file = join(socketFolder(), 'body');
  writeFileSync(file, 'dropthisword');
  const changed = await call(
    '--uri',
    '/transform',
    '--body',
    `@${file}`,
    '--chunk-bytes',
    '4',
    '--response',
    '200',
    '--response-body',
    'calm',
  );
  const data = (text: string): string => Buffer.from(text).toString('base64');
  expect(changed.decisions.map((decision) => decision['request_body_mutation'])).toEqual([
    null,
    { chunk_index: 0, data: '' },
    { chunk_index: 1, data: data('THIS') },
    { chunk_index: 2, data: data('WORD') },
    null,
    null,
  ]);
  expect(changed.decisions.at(-1)).toMatchObject({
    phase: 'response_body',
    response_body_mutation: { chunk_index: 0, data: data('CALM') },
  });
  const teapot = await call('--response', '418');
  expect(teapot.decisions.at(-1)).toMatchObject({ phase: 'response_headers', decision: { block: { status: 502 } } });
}, 60_000);

test('what fails is an error with its code, the decisions before it kept; wrong use is 2 with a line that is right', async () => {
  const unix = `unix:${join(socketFolder(), 'a.sock')}`;
  const absent = await agentwire('call', unix, '--json');
  expect([absent.status, (JSON.parse(absent.stdout) as CallReport).error?.code]).toEqual([1, 'ERR_CONNECT']);
  const agent = start('agent', 'reference', '--listen', unix);
  await agent.line('listening');
  const thrown = await agentwire('call', unix, '--uri', '/throw', '--json');
  expect([thrown.status, (JSON.parse(thrown.stdout) as CallReport).error?.code]).toEqual([1, 'ERR_HANDLER']);
  const late = await agentwire('call', unix, '--uri', '/slow?ms=60000', '--timeout-ms', '300', '--json');
  expect([late.status, (JSON.parse(late.stdout) as CallReport).error?.code]).toEqual([1, 'ERR_TIMEOUT']);
  for (const args of [
    ['call', 'grpc://127.0.0.1:1', '--dialect', 'zentinel'],
    ['call', 'nonsense'],
    ['call'],
    ['call', unix, '-H', 'no colon'],
    ['call', unix, '--encoding', 'xml'],
    ['agent', 'waf'],
    ['agent', './no-such-file.ts', '--listen', unix],
    ['gateway'],
    ['bench', '--in-flight', 'many'],
    ['frobnicate'],
  ]) {
    const { status, stderr, stdout } = await agentwire(...args);
    expect(status, args.join(' ')).toBe(2);
    expect(stdout).toBe('');
    expect(stderr, args.join(' ')).toMatch(/for example: agentwire|agentwire help|use unix:PATH/);
  }
}, 60_000);
