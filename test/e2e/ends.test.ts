import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeIdentity } from '../../packages/transport-grpc/test/support/certificates.ts';
import { agentwire, BIN, socketFolder, start } from './command-line.ts';

const AGENT = import.meta.resolve('@agentwire/agent');
const UPSTREAM = ['--listen', '127.0.0.1:0', '--upstream', 'http://127.0.0.1:9'];

test('with --listen a token is what callers must show', async () => {
  const folder = socketFolder();
  const [right, wrong] = [join(folder, 'right'), join(folder, 'wrong')];
  writeFileSync(right, 'right\n');
  writeFileSync(wrong, 'guess\n');
  const listen = ['unix:' + join(folder, 'a.sock'), 'tcp://127.0.0.1:0', 'grpc://127.0.0.1:0'];
  const agent = start('agent', 'reference', '--token-file', right, ...listen.flatMap((one) => ['--listen', one]));
  for (let left = listen.length; left > 0; left--) {
    const endpoint = await agent.line('listening ');
    const codes = await Promise.all(
      [[], ['--token-file', wrong], ['--token-file', right]].map(async (flags) => {
        const { status, stdout } = await agentwire('call', endpoint, '--json', ...flags);
        return [status, (JSON.parse(stdout) as { error?: { code: string } }).error?.code];
      }),
    );
    expect(codes, endpoint).toEqual([
      [1, 'ERR_UNAUTHORIZED'],
      [1, 'ERR_UNAUTHORIZED'],
      [0, undefined],
    ]);
  }
  expect(await agent.stop()).toBe(0);
}, 60_000);

test('a port that is taken ends a gateway where agents could register', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  onTestFinished(() => void taken.close());
  const { port } = taken.address() as AddressInfo;
  const reverse = ['--reverse-listen', `unix:${join(socketFolder(), 'r.sock')}`, '--agent', 'waf=reverse'];
  const http = ['--listen', `127.0.0.1:${port}`, '--upstream', 'http://127.0.0.1:9'];
  expect(await agentwire('gateway', ...http, ...reverse)).toMatchObject({ status: 1 });
  const admin = ['--admin', `127.0.0.1:${port}`];
  expect(await agentwire('gateway', ...UPSTREAM, ...reverse, ...admin)).toMatchObject({ status: 1 });
}, 60_000);

test('over TLS a certificate proves the id, and a private authority can be named at every end', async () => {
  const folder = socketFolder();
  const authority = makeIdentity('test authority');
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const identity = (name: string): string[] => {
    const { cert, key } = makeIdentity(name, authority);
    return ['--tls-cert', file(`${name}.crt`, cert), '--tls-key', file(`${name}.key`, key)];
  };
  const ca = ['--tls-ca', file('ca.crt', authority.cert)];
  const [own, waf] = [identity('gateway'), identity('waf')];
  const gateway = start(
    'gateway',
    ...UPSTREAM,
    '--agent',
    'waf=reverse',
    '--reverse-listen',
    'tls://127.0.0.1:0',
    ...own,
    ...ca,
  );
  await gateway.line('listening http');
  const address = await gateway.line('listening tls');
  const dial = ['--reverse', `tls${address}`, ...ca, '--tls-server-name', 'localhost'];
  const agentOfIt = start('agent', 'waf', ...dial, ...waf);
  await agentOfIt.line('registered');
  expect(await agentOfIt.stop()).toBe(0);
  expect(await gateway.stop()).toBe(0);
  // an agent that listens with --tls-ca takes callers with a certificate of that authority alone
  const agent = start('agent', 'reference', '--listen', 'grpcs://127.0.0.1:0', ...own, ...ca);
  const endpoint = await agent.line('listening ');
  const named = [...ca, '--tls-server-name', 'localhost', '--json'];
  expect((await agentwire('call', endpoint, ...named)).status).toBe(1);
  expect((await agentwire('call', endpoint, ...named, ...waf)).status).toBe(0);
  const checked = await agentwire('conform', endpoint, ...named, ...waf);
  expect([checked.status, (JSON.parse(checked.stdout) as { holds: boolean }).holds]).toEqual([0, true]);
}, 90_000);

test('conform shows its token and its certificate', async () => {
  const folder = socketFolder();
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const { cert, key } = makeIdentity('localhost');
  const token = ['--token-file', file('token', 'right')];
  const own = ['--tls-cert', file('own.crt', cert), '--tls-key', file('own.key', key)];
  const agent = start('agent', 'reference', ...token, '--listen', 'tls://127.0.0.1:0', ...own);
  const endpoint = await agent.line('listening ');
  const trust = ['--tls-ca', file('ca.crt', cert), '--tls-server-name', 'localhost', '--json'];
  expect(await agentwire('conform', endpoint, ...trust, ...token)).toMatchObject({ status: 0 });
  expect(await agentwire('conform', endpoint, ...trust, '--timeout-ms', '300')).toMatchObject({ status: 1 });
  expect(await agentwire('conform', endpoint, '--json', ...token)).toMatchObject({ status: 1 });
}, 90_000);

test('agent FILE ends with status 2 and one clear line, whatever the file left open', async () => {
  const folder = socketFolder();
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  onTestFinished(() => void taken.close());
  const { port } = taken.address() as AddressInfo;
  const server = (at: number): string =>
    `import { once } from 'node:events'; import { createServer } from 'node:net';
     await once(createServer().listen(${at}, '127.0.0.1'), 'listening');`;
  const listen = ['--listen', `unix:${join(folder, 'a.sock')}`];
  const own = 'it starts a server itself? run it with node, or default-export the agent';
  for (const [word, ...lines] of [
    [file('own.mjs', server(0)), 'has no default export', own],
    [file('taken.mjs', server(port)), 'cannot be loaded (', 'EADDRINUSE', own],
    [
      file('serves.mjs', "throw Object.assign(new Error('a live process serves it'), { code: 'ERR_CONNECT' })"),
      'cannot be loaded (a live process serves it)',
      own,
    ],
    [file('throws.mjs', "\nthrow new Error('not today')"), 'throws.mjs:2: it cannot be loaded (not today)\n'],
    [
      file('syntax.ts', 'const a: number = 1;\nconst b = ;\n'),
      'syntax.ts:2: it cannot be loaded (Expression expected)\n',
    ],
    [file('syntax.mjs', '\n\nconst b = ;\n'), "syntax.mjs:3: it cannot be loaded (Unexpected token ';')\n"],
    [
      file('import.mjs', "\nimport 'no-such';"),
      "import.mjs:2: it cannot be loaded (Cannot find package 'no-such'); install it for this file: npm install no-such\n",
    ],
    [
      file('ending.ts', "import { a } from './own';\nexport default a;"),
      'own.mjs is there: an import names a file with its ending',
    ],
    [
      file('invalid.mjs', `import { defineAgent } from ${JSON.stringify(AGENT)};\n\nexport default defineAgent({});`),
      'invalid.mjs:3: it cannot be loaded (name of an agent',
    ],
    [file('object.mjs', 'export default {};'), 'its default export is no agent; export what defineAgent('],
    [file('function.mjs', 'export default () => 1;'), 'its default export is a function; export what defineAgent('],
    [file('imports.mjs', "import './syntax.mjs';"), `imports.mjs: it cannot be loaded (`],
    ['wuf', 'wuf is no file, and none of our agents: reference, waf, api-key\n'],
    [folder, 'is no file'],
  ] as const) {
    const { status, stderr } = await agentwire('agent', word, ...listen);
    expect([status, stderr], word).toEqual([2, expect.stringContaining(word)]);
    for (const line of lines) expect(stderr).toContain(line);
    expect(stderr).not.toContain('imported from');
    expect(stderr.includes('for example')).toBe(!stderr.includes('cannot be loaded'));
    if (word !== 'wuf' && word !== folder) expect(stderr.split('\n', 1)[0]).not.toContain('reference');
  }
}, 60_000);

test('a command whose reader has ended ends without a word', async () => {
  const child = spawn(process.execPath, [BIN, 'gateway', '--schema'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  expect([await once(child, 'close'), stderr]).toEqual([[141, null], '']);
}, 60_000);

test('SIGHUP ends neither an agent nor a gateway that has nothing to reload', async () => {
  const agent = start('agent', 'waf', '--listen', `unix:${join(socketFolder(), 'a.sock')}`);
  const gateway = start('gateway', ...UPSTREAM);
  for (const one of [agent, gateway]) {
    await one.line('listening ');
    one.child.kill('SIGHUP');
    await expect.poll(() => one.stderr(), { timeout: 10_000 }).toContain('SIGHUP: there is nothing to reload; ');
    expect(await one.stop()).toBe(0);
  }
}, 60_000);
