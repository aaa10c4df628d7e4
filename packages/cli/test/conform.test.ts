import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Writable } from 'node:stream';
import { serveAgent } from '@agentwire/agent';
import { createUdsTransport } from '@agentwire/transport-uds';
import { expect, onTestFinished, test } from 'vitest';
import reference from '../src/agents/reference.ts';
import { main } from '../src/main.ts';
import { MinimalAgent } from '../../conform/test/minimal-agent.ts';

function sink(): { readonly stream: Writable; readonly text: () => string } {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  return { stream, text: () => chunks.join('') };
}

async function agentwire(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const [out, err] = [sink(), sink()];
  const status = await main(args, { stdout: out.stream, stderr: err.stream });
  return { status, stdout: out.text(), stderr: err.text() };
}

function socketPath(): string {
  const folder = mkdtempSync(`${tmpdir()}/aw-cc-`);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return `${folder}/a.sock`;
}

test('conform prints a table and exits 0 where everything holds', { timeout: 180_000 }, async () => {
  const path = socketPath();
  const server = await serveAgent(reference, { transports: [createUdsTransport()], listen: [`unix:${path}`] });
  onTestFinished(() => server.close());
  const { status, stdout } = await agentwire('conform', `unix:${path}`, '--timeout-ms', '5000');
  expect([status, stdout.split('\n').filter((row) => row.startsWith('FAIL'))]).toEqual([0, []]);
  expect(stdout).toMatch(/^pass +documented +handshake-answer +must +Handshake/m);
  expect(stdout).toMatch(/^pass +zentinel +frame-of-zero +must +Frame/m);
  expect(stdout).toMatch(/\d+ passed, 0 failed \(0 of them must\), 0 skipped/);
});

test('conform --json exits 1 where something that must hold does not', { timeout: 60_000 }, async () => {
  const agent = new MinimalAgent('answers-twice');
  const path = socketPath();
  await new Promise<void>((resolve) => agent.server.listen(path, resolve));
  onTestFinished(() => agent.close());
  const { status, stdout } = await agentwire(
    'conform',
    path,
    '--dialect',
    'documented',
    '--timeout-ms',
    '300',
    '--json',
  );
  const report = JSON.parse(stdout) as { holds: boolean; results: { id: string; outcome: string; reason?: string }[] };
  expect([status, report.holds]).toEqual([1, false]);
  expect(report.results.find(({ id }) => id === 'decision-once')).toMatchObject({
    outcome: 'fail',
    reason: 'an answer for another request came',
  });
});

test('a dialect that the agent does not speak is skipped unless it was asked for', { timeout: 60_000 }, async () => {
  const agent = new MinimalAgent('none');
  const path = socketPath();
  await new Promise<void>((resolve) => agent.server.listen(path, resolve));
  onTestFinished(() => agent.close());
  const both = await agentwire('conform', path, '--timeout-ms', '5000', '--json');
  expect(both.status).toBe(0);
  expect(both.stdout).toContain('this dialect is not spoken');
  const asked = await agentwire('conform', path, '--dialect', 'zentinel', '--timeout-ms', '200', '--json');
  expect(asked.status).toBe(1);
});

test.each(['unix:/nowhere/a.sock', 'grpc://127.0.0.1:1'])(
  'conform against %s, where no agent listens, is one line of error and no rows',
  async (endpoint) => {
    const { status, stdout, stderr } = await agentwire('conform', endpoint);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr.match(/cannot connect to/g)).toHaveLength(1);
    expect(stderr).toMatch(/^error ERR_CONNECT cannot connect to .*\n$/);
  },
);

test('conform --list describes every check of both sides', async () => {
  const { status, stdout } = await agentwire('conform', '--list');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^agent +handshake-answer +must +documented, zentinel, grpc +Handshake/m);
  expect(stdout).toMatch(/^proxy +proxy-cancel +should /m);
  const { checks } = JSON.parse((await agentwire('conform', '--list', '--json')).stdout) as {
    checks: { id: string; title: string }[];
  };
  expect(checks.length).toBeGreaterThan(70);
  const missing = checks.filter(({ id, title }) => !stdout.includes(` ${id} `) || !stdout.includes(title));
  expect(missing).toEqual([]);
});

test.each([
  ['no listener in any dialect', ['conform', 'unix:/nowhere/a.sock', '--json'], 1],
  ['no listener', ['conform', 'unix:/nowhere/a.sock', '--dialect', 'documented', '--json'], 1],
  ['no endpoint', ['conform'], 2],
  ['an endpoint that is none', ['conform', 'nonsense'], 2],
  ['a scheme that has no bytes', ['conform', 'memory:a'], 2],
  ['a dialect over gRPC', ['conform', 'grpc://127.0.0.1:1', '--dialect', 'documented'], 2],
  ['a time out of range', ['conform', 'unix:/a/b', '--timeout-ms', '1'], 2],
])('conform with %s exits as it should', async (_, args, expected) => {
  expect((await agentwire(...args)).status).toBe(expected);
});
