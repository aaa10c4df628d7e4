import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { makeIdentity } from '../../packages/transport-grpc/test/support/certificates.ts';
import { type Running, socketFolder, start } from './command-line.ts';

async function upstream(): Promise<string> {
  const server = createServer((_request, response) => response.end('served'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Files of one folder, replaced as editors and secret stores do. */
function files() {
  const folder = socketFolder();
  return {
    folder,
    write: (name: string, text: string): string => {
      const path = join(folder, name);
      writeFileSync(`${path}.new`, text);
      renameSync(`${path}.new`, path);
      return path;
    },
  };
}

const reload = async (admin: string, token: string): Promise<readonly [status: number, text: string]> => {
  const response = await fetch(`${admin}/-/reload`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  return [response.status, await response.text()];
};

/** Serves an agent over TLS with a certificate of an authority of its own. @returns it, and the certificate of that authority */
async function secureAgent(
  { write }: ReturnType<typeof files>,
  name: string,
  listen: string,
): Promise<{ readonly agent: Running; readonly endpoint: string; readonly ca: string }> {
  const authority = makeIdentity(`authority ${name}`);
  const { cert, key } = makeIdentity('localhost', authority);
  const tls = ['--tls-cert', write(`${name}.pem`, cert), '--tls-key', write(`${name}.key`, key)];
  const agent = start('agent', 'waf', '--listen', listen, ...tls);
  return { agent, endpoint: await agent.line('listening '), ca: authority.cert };
}

test('a reload applies new content of secrets and of authorities, and refuses what is no certificate', async () => {
  const made = files();
  const { folder, write } = made;
  const first = await secureAgent(made, 'first', 'grpcs://127.0.0.1:0');
  const file = write(
    'gateway.yaml',
    `listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nadminTokenFile: ${folder}/admin\nupstream: ${await upstream()}\n` +
      `tls: { ca: ${folder}/ca.pem }\nreverseListen: unix:${folder}/agents.sock\ntokenFile: ${folder}/register\n` +
      `agents:\n  - { name: waf, endpoint: '${first.endpoint}' }\n  - { name: more, endpoint: reverse, onFailure: open }\n`,
  );
  write('admin', 'admin-1\n');
  write('register', 'register-1\n');
  write('ca.pem', first.ca);
  const gateway = start('gateway', '--config', file);
  const url = await gateway.line('listening http').then((rest) => `http${rest}`);
  const admin = await gateway.line('admin ');
  const status = async (): Promise<number> => (await fetch(url)).status;
  expect(await status()).toBe(200);

  // the agent comes back with a certificate of another authority
  await first.agent.stop();
  const second = await secureAgent(made, 'second', first.endpoint);
  write('ca.pem', second.ca);
  write('admin', 'admin-2\n');
  write('register', 'register-2\n');
  expect(await reload(admin, 'admin-2')).toMatchObject([401, expect.any(String)]);
  expect(await reload(admin, 'admin-1')).toEqual([200, 'reloaded\n']);
  await expect.poll(status).toBe(200);
  expect(await reload(admin, 'admin-1')).toMatchObject([401, expect.any(String)]);
  expect(await reload(admin, 'admin-2')).toEqual([200, 'reloaded\n']);

  const register = (token: string): Running =>
    start('agent', 'waf', '--reverse', `unix:${folder}/agents.sock`, '--id', 'more', '--token-file', token);
  const leaked = register(write('leaked', 'register-1\n'));
  await register(write('rotated', 'register-2\n')).line('registered ');
  await expect.poll(() => leaked.stderr()).toContain('ERR_UNAUTHORIZED');

  write('ca.pem', 'no certificate');
  const refused = await reload(admin, 'admin-2');
  expect(refused).toEqual([422, expect.stringContaining(`${file}:5: tls.ca: ${folder}/ca.pem has no certificates`)]);
  expect(gateway.stderr()).toContain(`the configuration was not reloaded`);
  expect(gateway.stderr()).toContain(`tls.ca: ${folder}/ca.pem has no certificates`);
  expect(await status()).toBe(200);
  expect(await gateway.stop()).toBe(0);
  expect(gateway.stderr()).not.toMatch(/register-\d|admin-\d/);
}, 60_000);

test('with workers a reload applies the new admin token, and new content of other files to the new workers', async () => {
  const { folder, write } = files();
  const file = write(
    'gateway.yaml',
    `listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nadminTokenFile: ${folder}/admin\nworkers: 1\ninclude: more.yaml\n`,
  );
  write('more.yaml', `upstream: ${await upstream()}\nroutes: [{ path: /one }]\n`);
  write('admin', 'admin-1\n');
  const gateway = start('gateway', '--config', file, '--watch');
  const url = await gateway.line('listening ');
  const admin = await gateway.line('admin ');
  const status = async (path: string): Promise<number> => (await fetch(url + path)).status;
  expect([await status('/one'), await status('/two')]).toEqual([200, 404]);
  write('admin', 'admin-2\n');
  await expect.poll(async () => (await reload(admin, 'admin-2'))[0], { timeout: 20_000 }).toBe(200);
  expect((await reload(admin, 'admin-1'))[0]).toBe(401);
  // an included file is watched too
  write('more.yaml', `upstream: ${await upstream()}\nroutes: [{ path: /two }]\n`);
  await expect.poll(() => status('/two'), { timeout: 20_000 }).toBe(200);
  expect(gateway.stderr()).toContain(`file=${folder}/more.yaml`);
  write('admin', 'two\nlines\n');
  await expect
    .poll(() => gateway.stderr(), { timeout: 20_000 })
    .toContain(`${file}:3: adminTokenFile names ${folder}/admin`);
  expect(await gateway.stop()).toBe(0);
}, 60_000);
