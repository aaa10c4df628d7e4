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
  const [empty, text, two] = [file('empty', '\n'), file('text', 'no key'), file('two', 'one\nother\n')];
  const upstream = 'upstream: http://127.0.0.1:1\n';
  const certificates = file(
    'a.yaml',
    `${upstream}https:\n  certificates:\n    - { cert: ${text}, key: ${text} }\n    - { cert: ${folder}/none, key: ${text} }\n  clientCa: ${text}\nadmin: "unix:${folder}/admin.sock"\nadminTokenFile: ${empty}\n`,
  );
  const tokens = file(
    'b.yaml',
    `${upstream}agents:\n  - { name: a, endpoint: "unix:/a", tokenFile: ${folder}/none }\n  - { name: b, endpoint: "grpcs://127.0.0.1:1", tokenFile: ${two} }\ntls: { ca: ${folder}/none }\n`,
  );
  const open = file(
    'c.yaml',
    `${upstream}reverseListen: tcp://0.0.0.0:1\nagents:\n  - { name: a, endpoint: reverse }\n`,
  );
  const places = file(
    'e.yaml',
    `upstream: unix:${folder}/gone/up.sock\nadmin: unix:${folder}/gone/a.sock\nagents:\n  - { name: a, endpoint: "unix:${folder}/gone/a" }\naccessLog: { file: ${folder} }\nrecord: { file: ${folder}/gone/r }\ntransports: [${folder}/gone.mjs]\n`,
  );
  const included = file('d.yaml', `${upstream}include: ${folder}/none.yaml\n`);
  for (const [path, ...messages] of [
    [
      certificates,
      `${certificates}:4: https.certificates[0].cert: ${text} and ${text} are no certificate with its key`,
      `${certificates}:5: https.certificates[1].cert names ${folder}/none, which cannot be read`,
      `${certificates}:6: https.clientCa: ${text} has no certificates`,
      `${certificates}:8: adminTokenFile names ${empty}, which is empty`,
    ],
    [
      tokens,
      `${tokens}:5: tls.ca names`,
      `${tokens}:3: agents[0].tokenFile names`,
      `${tokens}:4: agents[1].tokenFile names ${two}, which must hold one token`,
    ],
    [open, 'any process that reaches tcp://0.0.0.0:1 could register there'],
    [
      places,
      `${places}:2: admin: the folder of ${folder}/gone/a.sock does not exist`,
      `${places}:1: upstream: the folder of ${folder}/gone/up.sock does not exist`,
      `${places}:4: agents[0].endpoint: the folder of ${folder}/gone/a does not exist`,
      `${places}:5: accessLog.file: ${folder} is a folder`,
      `${places}:6: record.file: the folder of ${folder}/gone/r does not exist`,
      `${places}:7: transports[0] names ${folder}/gone.mjs, which is not there`,
    ],
    [included, 'none.yaml'],
  ] as const) {
    const { status, lines } = await run('gateway', '--check', path);
    expect([status, lines.length], lines.join('\n')).toEqual([1, messages.length]);
    for (const [at, message] of messages.entries()) expect(lines[at]).toContain(message);
  }
});

test('--check tells all mistakes of a file, not the first alone, and what an unknown key may be meant for', async () => {
  const folder = mkdtempSync(`${tmpdir()}/aw-cf-`);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = `${folder}/a.yaml`;
  writeFileSync(
    path,
    `listen: 127.0.0.1
upstream: two
upstreams:
  one: { target: [http://127.0.0.1:1] }
  other: { targets: [http://127.0.0.1:1], tls: { ca: none.pem } }
routes:
  - { pathPrefix: two, upstream: one }
  - { pathRegexp: /x, upstream: one }
agents:
  - { name: a, endpoint: "nope:/tmp/k.sock", onFailure: { timeout: opened } }
gateway: { upstreamTimeoutMs: x, maxHeader: 5 }
pool: { connectionsPerAgents: 1 }
https: { cert: x.pem, key: y.pem }
lisen: 1
`,
  );
  const { status, lines } = await run('gateway', '--check', path);
  expect(status).toBe(1);
  for (const [line, message] of [
    [14, 'lisen: there is no such key, did you mean listen?'],
    [1, 'listen must be text of the form HOST:PORT'],
    [13, 'https'],
    [2, 'upstream: "two" is no upstream of this file'],
    [10, 'agents[0].endpoint: no transport serves nope:'],
    [10, 'agents[0].onFailure'],
    [12, 'pool.connectionsPerAgents: there is no such key, did you mean connectionsPerAgent?'],
    [11, 'gateway.maxHeader: there is no such key, did you mean maxHeaders?'],
    [11, 'gateway.upstreamTimeoutMs'],
    [4, 'upstreams.one.target: there is no such key, did you mean targets?'],
    [5, 'upstreams.other.tls.ca: none.pem cannot be read'],
    [7, 'routes[0].pathPrefix'],
    [8, 'routes[1].pathRegexp: there is no such key, did you mean pathRegex?'],
  ] as const)
    expect(lines).toContainEqual(expect.stringContaining(`${path}:${line}: ${message}`));
  expect(lines).toHaveLength(13);
  const many = Array.from({ length: 80 }, (_, at) => `wrong${at}: 1\n`).join('');
  writeFileSync(path, many);
  expect((await run('gateway', '--check', path)).lines).toHaveLength(50);
});

test('top of something that is no admin server is an error that says what to give it', async () => {
  const server = createServer((request, response) => {
    const status = Number(request.url?.slice(1));
    response.writeHead(status > 0 ? status : 200).end('hello');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const hint = "give it the address of a gateway's admin server (--admin HOST:PORT, or admin in its file)";
  for (const [word, status, ...messages] of [
    [`http://127.0.0.1:${port}`, 1, 'has no metrics of agentwire', hint],
    [`http://127.0.0.1:${port}/404`, 1, 'answered 404', hint],
    [`http://127.0.0.1:${port}/403`, 1, 'answered 403', '--admin-host'],
    ['http://127.0.0.1:1', 1, 'cannot be read', hint],
    ['unix:/tmp/admin.sock', 2, 'give the admin server a HOST:PORT'],
    ['localhost:9901', 2, 'is no http:// URL of an admin server'],
  ] as const) {
    const got = await run('top', word, '--once', '--interval-ms', '100');
    expect(got.status, word).toBe(status);
    for (const message of messages) expect(got.lines.join('\n')).toContain(message);
  }
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
  writeFileSync(file, '# nothing yet\n');
  const { status, lines } = await run('gateway', '--check', file);
  expect(status).toBe(1);
  expect(lines).toEqual([`${file}: a gateway needs --upstream URL, or upstream: or routes: in its file`]);
});
