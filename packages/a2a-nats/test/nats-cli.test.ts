import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { payload, target } from '@agentwire/a2a-router';
import { answerAll, startNode, type TestNode } from './node.ts';
import { hasServer, startServer, type TestServer, unlessServer } from './server.ts';

const run = promisify(execFile);
const cli = process.env['NATS_CLI'] ?? 'nats';
const hasCli = spawnSync(cli, ['--version']).status === 0;
const unlessCli = hasCli
  ? ''
  : ' [SKIPPED: no nats command on the PATH or in NATS_CLI; go install github.com/nats-io/natscli/nats@v0.1.6]';

describe.skipIf(!hasServer || !hasCli)(`the nats command${unlessServer}${unlessCli}`, { timeout: 60_000 }, () => {
  let server: TestServer;
  let node: TestNode;
  beforeAll(async () => {
    server = await startServer();
    node = await startNode('m', server.url, { micro: true });
    const owner = node.add('owner');
    owner.provide('sums', { version: '1.1.0', description: 'adds numbers', methods: ['add'] });
    void answerAll(owner, ({ payload: body }) => body);
    await node.backend.flush();
  });
  afterAll(async () => {
    await node.close();
    await server.stop();
  });
  const nats = async (...args: string[]): Promise<string> =>
    (await run(cli, ['--server', server.url, '--no-context', 'micro', ...args])).stdout;

  it('lists a service, describes it and counts its calls', async () => {
    const other = await startNode('other', server.url);
    await other.add('asker').request(target.serviceMethod('sums', 'add'), payload.json([1, 2]));
    await other.close();
    expect(await nats('ls')).toMatch(/sums\b.*1\.1\.0.*adds numbers/);
    const info = await nats('info', 'sums');
    expect(info).toContain('Description: adds numbers');
    expect(info).toContain('a2a.*.service.sums.add');
    const stats = JSON.parse(await nats('stats', 'sums', '--json')) as unknown;
    expect(JSON.stringify(stats)).toContain('"num_requests":1');
  });
});
