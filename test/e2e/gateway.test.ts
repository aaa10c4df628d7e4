import { once } from 'node:events';
import { createServer, type IncomingMessage, request as send } from 'node:http';
import { connect } from 'node:http2';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeIdentity } from '../../packages/transport-grpc/test/support/certificates.ts';
import { agentwire, socketFolder, start } from './command-line.ts';

async function upstream(): Promise<string> {
  const server = createServer((request, response) =>
    response.end(`upstream saw x-waf: ${String(request.headers['x-waf'])}`),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('agentwire gateway before agentwire agent: real HTTP through real processes, and both drain', async () => {
  const waf = `unix:${join(socketFolder(), 'waf.sock')}`;
  const agent = start('agent', 'waf', '--listen', waf);
  await agent.line('listening');
  const gateway = start(
    'gateway',
    '--listen',
    '127.0.0.1:0',
    '--admin',
    '127.0.0.1:0',
    '--upstream',
    await upstream(),
    '--agent',
    `waf=${waf}`,
  );
  const url = await gateway.line('listening ');
  const admin = await gateway.line('admin ');
  expect(await (await fetch(`${url}/ok`)).text()).toBe('upstream saw x-waf: pass');
  expect((await fetch(`${url}/?f=../../etc/passwd`)).status).toBe(403);
  expect((await fetch(`${admin}/livez`)).status).toBe(200);
  expect((await fetch(`${admin}/readyz`)).status).toBe(200);
  const state = (await (await fetch(`${admin}/debug/state`)).json()) as { gateway: { requests: number } };
  expect(state.gateway.requests).toBe(2);
  expect(await agent.stop()).toBe(0);
  expect((await fetch(`${url}/ok`)).status).toBe(503);
  expect((await fetch(`${admin}/readyz`)).status).toBe(503);
  expect(await gateway.stop()).toBe(0);
}, 60_000);

test('--proxy-protocol takes the client from the load balancers that it names, and cuts connections of others', async () => {
  const server = createServer((request, response) => response.end(`for ${String(request.headers['x-forwarded-for'])}`));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const to = ['--listen', '127.0.0.1:0', '--upstream', `http://127.0.0.1:${(server.address() as AddressInfo).port}`];
  /** Sends a request behind a header of the PROXY protocol. @returns all that comes back */
  const ask = async (url: string): Promise<string> => {
    const socket = connectTcp(Number(new URL(url).port), '127.0.0.1');
    socket.write('PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\nGET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    let text = '';
    socket.setEncoding('utf8').on('data', (part: string) => (text += part));
    socket.on('error', () => undefined);
    await new Promise((resolve) => socket.once('close', resolve));
    return text;
  };
  for (const [from, answer] of [
    ['127.0.0.0/8, ::1', 'for 203.0.113.9'],
    ['any', 'for 203.0.113.9'],
    ['192.0.2.0/24', ''],
  ] as const) {
    const gateway = start('gateway', ...to, '--proxy-protocol', from);
    const text = await ask(await gateway.line('listening '));
    if (answer === '') expect(text).toBe('');
    else expect(text).toContain(answer);
    expect(await gateway.stop()).toBe(0);
  }
}, 60_000);

test('an agent that registers by itself is asked too; one without the token is refused', async () => {
  const folder = socketFolder();
  const [agents, token, wrong] = [`unix:${join(folder, 'agents.sock')}`, join(folder, 'token'), join(folder, 'wrong')];
  writeFileSync(token, 'right\n');
  writeFileSync(wrong, 'guess\n');
  const gateway = start(
    'gateway',
    '--listen',
    '127.0.0.1:0',
    '--upstream',
    await upstream(),
    '--agent',
    'waf=reverse',
    '--reverse-listen',
    agents,
    '--token-file',
    token,
  );
  const url = await gateway.line('listening http').then((rest) => `http${rest}`);
  expect((await fetch(url)).status).toBe(503);
  const refused = start('agent', 'waf', '--reverse', agents, '--token-file', wrong);
  const friend = start('agent', 'waf', '--reverse', agents, '--token-file', token, '--connections', '1');
  expect(await friend.line('registered ')).toBe(agents);
  expect(await (await fetch(url)).text()).toBe('upstream saw x-waf: pass');
  await expect(Promise.race([refused.line('registered '), friend.stop().then(() => 'never')])).resolves.toBe('never');
}, 60_000);

test('a YAML file says the same as flags, and what is wrong in it is named', async () => {
  const folder = socketFolder();
  const waf = `unix:${join(folder, 'waf.sock')}`;
  const agent = start('agent', 'waf', '--listen', waf);
  await agent.line('listening');
  const file = join(folder, 'gateway.yaml');
  writeFileSync(
    file,
    `listen: 127.0.0.1:0\nupstream: ${await upstream()}\nagents:\n  - { name: waf, endpoint: "${waf}" }\n`,
  );
  const gateway = start('gateway', '--config', file);
  const url = await gateway.line('listening ');
  expect((await fetch(`${url}/?f=../../etc/passwd`)).status).toBe(403);
  writeFileSync(file, 'upstraem: http://h:1\n');
  const { status, stderr } = await agentwire('gateway', '--config', file);
  expect([status, stderr]).toEqual([
    expect.any(Number),
    expect.stringContaining(`${file}:1: upstraem: there is no such key`),
  ]);
  expect(status).not.toBe(0);
}, 60_000);

test('the demo ends well, and its report says so', async () => {
  const { status, stdout } = await agentwire('demo', '--once', '--requests', '60', '--json');
  const report = JSON.parse(stdout) as { asExpected: boolean; kinds: { requests: number; asExpected: number }[] };
  expect(report.kinds.reduce((sum, { requests }) => sum + requests, 0)).toBe(60);
  expect(report.kinds).toHaveLength(9);
  expect([report.asExpected, status]).toEqual([true, 0]);
}, 60_000);

test('bench starts an agent of its own and reports in JSON', async () => {
  const { status, stdout } = await agentwire('bench', '--seconds', '0.3', '--in-flight', '8', '--json');
  const report = JSON.parse(stdout) as Record<string, unknown>;
  expect(report).toMatchObject({
    transport: 'uds',
    dialect: 'documented',
    encoding: 'msgpack',
    inFlight: 8,
    errors: {},
  });
  expect(report['requestsPerSecond']).toBeGreaterThan(0);
  expect(status).toBe(0);
}, 60_000);

test('a gateway outlives the reader of its output, and requests for its admin port that are no URLs', async () => {
  const gateway = start(
    'gateway',
    '--listen',
    '127.0.0.1:0',
    '--admin',
    '127.0.0.1:0',
    '--upstream',
    'http://127.0.0.1:1',
  );
  const url = await gateway.line('listening ');
  const admin = await gateway.line('admin ');
  gateway.child.stderr?.destroy();
  for (let at = 0; at < 3; at += 1) expect((await fetch(url)).status).toBe(502);
  expect((await fetch(`${admin}//:99999/`)).status).toBe(404);
  expect((await fetch(`${admin}/livez`)).status).toBe(200);
  expect(await gateway.stop()).toBe(0);
}, 60_000);

test('a taken port, of HTTP or of the admin server, ends the process with status 1 and leaves nothing open', async () => {
  const taken = new URL(await upstream()).host;
  const agents = `unix:${join(socketFolder(), 'agents.sock')}`;
  const common = ['gateway', '--upstream', 'http://127.0.0.1:1', '--agent', 'w=reverse', '--reverse-listen', agents];
  for (const ports of [
    ['--listen', '127.0.0.1:0', '--admin', taken],
    ['--listen', taken, '--admin', '127.0.0.1:0'],
  ]) {
    const { status, stdout, stderr } = await agentwire(...common, ...ports);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain(`cannot listen on ${taken}: another process listens there`);
  }
}, 60_000);

test('--agent replaces the agents and the pipeline of a file with one info line; no agents at all is a warning', async () => {
  const folder = socketFolder();
  const waf = `unix:${join(folder, 'waf.sock')}`;
  const agent = start('agent', 'waf', '--listen', waf);
  await agent.line('listening');
  const file = join(folder, 'gateway.yaml');
  writeFileSync(
    file,
    `listen: 127.0.0.1:0\nupstream: ${await upstream()}\nagents:\n  - { name: old, endpoint: "unix:/absent" }\npipeline: [old]\n`,
  );
  const gateway = start('gateway', '--config', file, '--agent', `waf=${waf}`, '--verbose');
  const heard: string[] = [];
  gateway.child.stderr?.on('data', (text: string) => heard.push(text));
  const url = await gateway.line('listening ');
  expect((await fetch(`${url}/?f=../../etc/passwd`)).status).toBe(403);
  expect(await (await fetch(url)).text()).toBe('upstream saw x-waf: pass');
  expect(await gateway.stop()).toBe(0);
  expect(heard.join('').match(/--agent replaces the agents and the pipeline of the file/g)).toHaveLength(1);
  const bare = start('gateway', '--listen', '127.0.0.1:0', '--upstream', 'http://127.0.0.1:1');
  const warned: string[] = [];
  bare.child.stderr?.on('data', (text: string) => warned.push(text));
  await bare.line('listening ');
  expect(await bare.stop()).toBe(0);
  expect(warned.join('')).toContain('there are no agents: every request passes unasked');
}, 60_000);

test('--check says whether a file is valid, and starts nothing; a file with routes serves', async () => {
  const folder = socketFolder();
  const [good, bad] = [join(folder, 'good.yaml'), join(folder, 'bad.yaml')];
  writeFileSync(
    good,
    `listen: 127.0.0.1:0\nroutes:\n  - pathPrefix: /up\n    upstream: \${UPSTREAM:-${await upstream()}}\n`,
  );
  writeFileSync(bad, 'listen: 127.0.0.1:0\nroutes:\n  - pathPrefix: up\n');
  expect(await agentwire('gateway', '--check', good)).toMatchObject({ status: 0, stdout: `${good} is valid\n` });
  const refused = await agentwire('gateway', '--check', bad);
  expect(refused).toMatchObject({ status: 1, stdout: '' });
  expect(refused.stderr).toContain(`${bad}:3: routes[0].pathPrefix must be a path such as /api`);
  const gateway = start('gateway', '--config', good);
  const url = await gateway.line('listening ');
  expect((await fetch(`${url}/up/x`)).status).toBe(200);
  expect((await fetch(`${url}/other`)).status).toBe(404);
  expect(await gateway.stop()).toBe(0);
}, 60_000);

test('HTTPS with HTTP/2 by flags and by a file, and HTTP/2 without TLS', async () => {
  const folder = socketFolder();
  const authority = makeIdentity('authority');
  const { cert, key } = makeIdentity('site', authority);
  const [certFile, keyFile, config] = [join(folder, 'site.pem'), join(folder, 'site.key'), join(folder, 'a.yaml')];
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
  const to = await upstream();
  writeFileSync(
    config,
    `listen: 127.0.0.1:0\nupstream: ${to}\nhttps:\n  certificates:\n    - { cert: ${certFile}, key: ${keyFile} }\n`,
  );
  const plain = ['gateway', '--listen', '127.0.0.1:0', '--upstream', to];
  for (const args of [
    [...plain, '--https-cert', certFile, '--https-key', keyFile],
    ['gateway', '--config', config],
    [...plain, '--h2c'],
  ]) {
    const gateway = start(...args);
    const url = await gateway.line('listening ');
    expect(url.startsWith('https:')).toBe(!args.includes('--h2c'));
    const session = connect(url, { ca: authority.cert });
    const stream = session.request({ ':path': '/', ':authority': 'localhost' });
    stream.setEncoding('utf8');
    const parts: string[] = [];
    stream.on('data', (part: string) => parts.push(part));
    await once(stream, 'close');
    expect(parts.join('')).toBe('upstream saw x-waf: undefined');
    session.destroy();
    expect(await gateway.stop()).toBe(0);
  }
  const alone = await agentwire(...plain, '--https-cert', certFile);
  expect(alone.status).not.toBe(0);
  expect(alone.stderr).toContain('--https-cert and --https-key need each other');
  writeFileSync(config, 'upstream: http://h:1\nhttps:\n  certificates: []\n');
  const refused = await agentwire('gateway', '--check', config);
  expect(refused.stderr).toContain(`${config}:2: https: https.certificates must name at least one { cert, key }`);
}, 90_000);

test('a file is reloaded by SIGHUP, by the admin server and when it changes; a wrong one changes nothing', async () => {
  const folder = socketFolder();
  const [file, token, waf] = [join(folder, 'g.yaml'), join(folder, 'token'), `unix:${join(folder, 'waf.sock')}`];
  writeFileSync(token, 'secret\n');
  const agent = start('agent', 'waf', '--listen', waf);
  await agent.line('listening');
  const up = await upstream();
  const write = (path: string, policy: string): void =>
    writeFileSync(
      file,
      `listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nadminTokenFile: ${token}\nupstream: ${up}\nroutes:\n  - pathPrefix: ${path}\nagents:\n  - { name: waf, endpoint: "${waf}", onFailure: ${policy} }\n`,
    );
  write('/one', 'closed');
  const gateway = start('gateway', '--config', file, '--watch');
  const url = await gateway.line('listening ');
  const admin = await gateway.line('admin ');
  const status = async (path: string): Promise<number> => (await fetch(url + path)).status;
  expect([await status('/one'), await status('/two')]).toEqual([200, 404]);

  // the agent changes too: it is added anew beside the former one
  write('/two', 'open');
  await expect.poll(() => status('/two'), { timeout: 30_000 }).toBe(200);
  expect(await (await fetch(`${url}/two`)).text()).toBe('upstream saw x-waf: pass');
  expect(await status('/one')).toBe(404);

  const reload = (): Promise<Response> =>
    fetch(`${admin}/-/reload`, { method: 'POST', headers: { authorization: 'Bearer secret' } });
  write('three', 'open');
  const refused = await reload();
  expect([refused.status, await refused.text()]).toEqual([
    422,
    expect.stringContaining(`${file}:6: routes[0].pathPrefix`),
  ]);
  expect(await status('/two')).toBe(200);
  write('/four', 'open');
  expect((await reload()).status).toBe(200);
  expect(await status('/four')).toBe(200);

  write('/five', 'open');
  gateway.child.kill('SIGHUP');
  await expect.poll(() => status('/five')).toBe(200);
  expect(gateway.stderr()).toContain('the configuration was reloaded agents=1 added=0 removed=0\n');
  // an agent that was added anew keeps its name
  const page = await (await fetch(`${admin}/metrics`)).text();
  expect(page).toMatch(/^agent_requests_total\{agent="waf",decision="allow"\} \d+$/m);
  expect(page).not.toContain('waf#2');
  write('five', 'open');
  gateway.child.kill('SIGHUP');
  await expect.poll(() => gateway.stderr()).toContain(`reason=${file}:6: routes[0].pathPrefix`);
  expect(gateway.stderr()).not.toContain('waf#2');
  expect(gateway.stderr()).not.toContain('    at ');
  expect(await gateway.stop()).toBe(0);
}, 60_000);

test('an admin server on a Unix socket reloads without a token, and its socket is of this user alone', async () => {
  const folder = socketFolder();
  const [file, socket] = [join(folder, 'g.yaml'), join(folder, 'admin.sock')];
  const write = (path: string): void =>
    writeFileSync(
      file,
      `listen: 127.0.0.1:0\nadmin: unix:${socket}\nupstream: http://h:1\nroutes:\n  - path: ${path}\n`,
    );
  write('/one');
  const gateway = start('gateway', '--config', file);
  const url = await gateway.line('listening ');
  expect(await gateway.line('admin ')).toBe(`unix:${socket}`);
  expect(statSync(socket).mode & 0o777).toBe(0o600);
  const ask = async (method: string, path: string): Promise<[number | undefined, string]> => {
    const asked = send({ socketPath: socket, method, path }).end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    const parts = (await response.toArray()) as Buffer[];
    return [response.statusCode, Buffer.concat(parts).toString()];
  };
  expect((await fetch(`${url}/two`)).status).toBe(404);
  write('two');
  expect(await ask('POST', '/-/reload')).toEqual([422, expect.stringContaining(`${file}:5: routes[0].path `)]);
  write('/two');
  expect((await ask('POST', '/-/reload'))[0]).toBe(200);
  expect((await fetch(`${url}/one`)).status).toBe(404);
  expect((await ask('GET', '/livez'))[0]).toBe(200);
  expect((await ask('GET', '/metrics'))[1]).toContain('# TYPE');
  expect(await gateway.stop()).toBe(0);
}, 60_000);
