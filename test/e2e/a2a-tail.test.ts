import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { payload, target } from '@agentwire/a2a-router';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startNode } from '../../packages/a2a-nats/test/node.ts';
import { hasServer, startServer, unlessServer } from '../../packages/a2a-nats/test/server.ts';
import { createUserKey } from '../../packages/a2a-nats/test/user-key.ts';
import { agentwire, type Running, start } from './command-line.ts';

describe.skipIf(!hasServer)(`agentwire a2a tail on a real nats-server${unlessServer}`, { timeout: 90_000 }, () => {
  test('prints what passes between nodes, and ends well on SIGTERM', async () => {
    const server = await startServer();
    onTestFinished(() => server.stop());
    const [a, b] = [await startNode('a', server.url), await startNode('b', server.url)];
    onTestFinished(async () => {
      await a.close();
      await b.close();
    });
    const tail = start('a2a', 'tail', server.url, '--json');
    const [one, two] = [a.add('one'), b.add('two')];
    await Promise.all([a.backend.flush(), b.backend.flush()]);
    // it listens from some moment on, so messages are sent until the first one is seen
    const seen = tail.line('{').then((text) => JSON.parse(`{${text}`) as { source: string; message?: unknown });
    const found: Awaited<typeof seen>[] = [];
    void seen.then((message) => found.push(message));
    while (found.length === 0) {
      await one.send(target.remoteNode('b', target.process(two.pid)), payload.text('hi'));
      await two.inbox.receive();
    }
    expect(found[0]).toMatchObject({ source: 'a', message: { payload: { Text: 'hi' } } });
    expect(await tail.stop()).toBe(0);
  });

  test('signs in with what files hold, and says which flags do not go together', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'agentwire-tail-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = (name: string, content: string): string => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const key = createUserKey();
    const seed = file('seed', `${key.seed}\n`);
    const password = file('password', 'secret\n');
    const users = `{ user: watcher, pass: secret }, { nkey: ${key.publicKey} }`;
    const server = await startServer(`authorization { users: [ ${users} ] }`);
    onTestFinished(() => server.stop());
    const tokens = await startServer('authorization { token: "secret" }');
    onTestFinished(() => tokens.stop());
    const pem = (name: string): string =>
      join(import.meta.dirname, '../../packages/transport-uds/test/certificates', name);
    const own = `cert_file: "${pem('server.pem')}", key_file: "${pem('server.key')}", ca_file: "${pem('ca.pem')}"`;
    const secured = await startServer(`tls { ${own}, verify: true }`);
    onTestFinished(() => secured.stop());
    for (const [url, ...flags] of [
      [server.url, '--user', 'watcher', '--password-file', password],
      [server.url, '--nkey', seed],
      [tokens.url, '--token-file', password],
      [secured.url, '--tls-ca', pem('ca.pem'), '--tls-cert', pem('client.pem'), '--tls-key', pem('client.key')],
    ] as const) {
      const tail = start('a2a', 'tail', url, ...flags);
      await heard(tail, 'listening to');
      expect(await tail.stop()).toBe(0);
    }
    const wrong = await agentwire('a2a', 'tail', server.url, '--token-file', password);
    expect(wrong).toMatchObject({ status: 1, stderr: expect.stringContaining('ERR_UNAUTHORIZED') as unknown });
    for (const flags of [
      ['--user', 'watcher'],
      ['--nkey', seed, '--token-file', password],
      ['--tls-cert', password],
      ['--creds', join(folder, 'missing')],
    ]) {
      const { status, stderr } = await agentwire('a2a', 'tail', server.url, ...flags);
      expect(status, stderr).toBe(2);
      expect(stderr).not.toContain('secret');
    }
  });
});

/** Waits until a command has written `text` to its standard error. */
function heard({ child }: Running, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let written = '';
    child.stderr?.on('data', (chunk: string | Buffer) => {
      written += chunk.toString();
      if (written.includes(text)) resolve();
    });
    child.once('exit', () => reject(new Error(`it ended: ${written}`)));
  });
}
