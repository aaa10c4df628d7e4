import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { Writable } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { showDecision } from '../src/call/show-decision.ts';
import { main } from '../src/main.ts';

async function run(...args: string[]): Promise<{ readonly status: number; readonly lines: string[] }> {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  const status = await main(args, { stdout: stream, stderr: stream });
  return { status, lines: chunks.join('').trimEnd().split('\n') };
}

test('--check opens the files that a file names, and tells all that is wrong', async () => {
  const folder = mkdtempSync(`${tmpdir()}/aw-cf-`);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, text: string): string => {
    writeFileSync(`${folder}/${name}`, text);
    return `${folder}/${name}`;
  };
  const [empty, text] = [file('empty', '\n'), file('text', 'no key')];
  const upstream = 'upstream: http://127.0.0.1:1\n';
  const certificates = file(
    'a.yaml',
    `${upstream}https:\n  certificates:\n    - { cert: ${text}, key: ${text} }\n    - { cert: ${folder}/none, key: ${text} }\nadmin: "unix:${folder}/admin.sock"\nadminTokenFile: ${empty}\n`,
  );
  const tokens = file(
    'b.yaml',
    `${upstream}agents:\n  - { name: a, endpoint: "unix:/a", tokenFile: ${folder}/none }\n  - { name: b, endpoint: "grpcs://127.0.0.1:1" }\ntls: { ca: ${folder}/none }\n`,
  );
  const open = file(
    'c.yaml',
    `${upstream}reverseListen: tcp://0.0.0.0:1\nagents:\n  - { name: a, endpoint: reverse }\n`,
  );
  const included = file('d.yaml', `${upstream}include: ${folder}/none.yaml\n`);
  for (const [path, ...messages] of [
    [
      certificates,
      'are no certificate with its key',
      `names ${folder}/none, which cannot be read`,
      `adminTokenFile names ${empty}, which is empty`,
    ],
    [tokens, `${tokens}:5: tls.ca names`, `${tokens}:3: agents[0].tokenFile names`],
    [open, 'any process that reaches tcp://0.0.0.0:1 could register there'],
    [included, 'none.yaml'],
  ] as const) {
    const { status, lines } = await run('gateway', '--check', path);
    expect([status, lines.length], lines.join('\n')).toEqual([1, messages.length]);
    for (const [at, message] of messages.entries()) expect(lines[at]).toContain(message);
  }
});

test('top of something that is no admin server is an error', async () => {
  const server = createServer((_request, response) => response.end('hello'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const { status, lines } = await run('top', `http://127.0.0.1:${port}`, '--once', '--interval-ms', '100');
  expect([status, lines.join('\n')]).toEqual([1, expect.stringContaining('has no metrics of agentwire')]);
});

test('call shows a changed body as text, and one that is no text in base64', () => {
  const decision = {
    phase: 'request_body',
    latencyMs: 1,
    decision: 'allow',
    request_headers: [],
    response_headers: [],
    audit: {},
    needs_more: false,
    response_body_mutation: null,
    routing_metadata: null,
  } as const;
  const shown = (bytes: Buffer): string =>
    showDecision(
      { ...decision, request_body_mutation: { data: bytes.toString('base64'), chunk_index: 0 } } as never,
      process.stdout,
    );
  expect(shown(Buffer.from('héllo'))).toContain('{"data":"héllo","chunk_index":0}');
  expect(shown(Buffer.from([0xff, 0xfe]))).toContain('{"data":"//4=","chunk_index":0,"encoding":"base64"}');
});

test('--check says its own name, and takes the file of --config', async () => {
  expect(await run('gateway', '--check', '/nofile.yaml')).toEqual({
    status: 1,
    lines: ['--check names /nofile.yaml, which cannot be read (ENOENT)'],
  });
  const folder = mkdtempSync(`${tmpdir()}/aw-cf-`);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = `${folder}/gateway.yaml`;
  writeFileSync(file, 'upstream: http://127.0.0.1:1\n');
  expect(await run('gateway', '--config', file, '--check')).toEqual({ status: 0, lines: [`${file} is valid`] });
  expect((await run('gateway', '--check')).status).toBe(2);
});
