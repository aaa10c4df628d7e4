import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { main } from '@agentwire/cli';
import { expect, onTestFinished, test } from 'vitest';

const home = fileURLToPath(new URL('..', import.meta.url));
const example = new URL('../../../examples/worker-transport/src/', import.meta.url);

/** The transport of docs/writing-a-transport.md, with an agent that serves in a worker thread: it blocks /admin. */
const WORKER = `
  import { MessageChannel, Worker } from 'node:worker_threads';
  import { spawn } from 'node:child_process';
import { once } from 'node:events';
  import { createWorkerTransport } from '${new URL('index.ts', example).href}';
  export default async function () {
    const { port1: dial, port2: accept } = new MessageChannel();
    const worker = new Worker(new URL('${new URL('agent-worker.ts', example).href}'), {
      workerData: { accept },
      transferList: [accept],
      execArgv: ['--conditions=@agentwire/source'],
    });
    await once(dial, 'message');
    worker.unref();
    dial.unref();
    return createWorkerTransport({ dial });
  }`;

function folder(): string {
  const path = mkdtempSync(`${tmpdir()}/aw-transport-`);
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function module(code: string): string {
  const file = `${folder()}/transport.mjs`;
  writeFileSync(file, code);
  return file;
}

async function run(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const status = await main(args, { stdout, stderr });
  const read = (stream: PassThrough): string => ((stream.read() as Buffer | null) ?? '').toString();
  return { status, stdout: read(stdout), stderr: read(stderr) };
}

test.each([
  ['/', 'allow'],
  ['/admin', 'block'],
])('call asks an agent over the transport of a module about %s', async (uri, decision) => {
  const { status, stdout, stderr } = await run('call', 'worker:guard', '--uri', uri, '--transport', module(WORKER));
  expect([stderr, status]).toEqual(['', 0]);
  expect(stdout).toContain(decision);
});

test.each([
  ['that is not there', './no-such-transport.mjs', /cannot be loaded/],
  ['without a default export', 'export const transport = {};', /it has no default export/],
  ['that exports something else', 'export default { name: "x" };', /its default export is no transport/],
  ['that makes something else', 'export default () => 5;', /its default export is no transport/],
  ['that throws', 'throw new Error("not today");', /cannot be loaded \(not today\)/],
])('a module %s is wrong use, and the error says what it must export', async (_, code, words) => {
  const file = code.startsWith('./') ? code : module(code);
  const { status, stderr } = await run('call', 'worker:guard', '--transport', file);
  expect(status).toBe(2);
  expect(stderr).toMatch(words);
  expect(stderr).toContain('export default a Transport (name, schemes, dials, connect and listen)');
});

test('a module whose scheme is served already is wrong use', async () => {
  const code =
    'const no = () => { throw new Error(); };\nexport default { name: "x", schemes: ["unix"], dials: [], connect: no, listen: no };';
  const { status, stderr } = await run('call', 'worker:guard', '--transport', module(code));
  expect([status, stderr]).toEqual([2, expect.stringContaining('the transport uds serves unix: already')]);
});

test('a gateway takes transports from its file, and a wrong one is named with its line', async () => {
  const upstream = createServer((_, response) => response.end('passed')).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  onTestFinished(() => void upstream.close());
  const { port } = upstream.address() as AddressInfo;
  const file = (transport: string): string => {
    const path = `${folder()}/gateway.yaml`;
    writeFileSync(
      path,
      `listen: 127.0.0.1:0\nupstream: http://127.0.0.1:${port}\nagents:\n  - name: guard\n    endpoint: worker:guard\ntransports:\n  - ${transport}\n`,
    );
    return path;
  };
  const wrong = await run('gateway', '--config', file(module('export default 5;')));
  expect([wrong.status, wrong.stderr]).toEqual([
    2,
    expect.stringMatching(/gateway\.yaml:7: transports\[0\].*is no transport/),
  ]);

  const program = "import { main } from '@agentwire/cli'; process.exitCode = await main(process.argv.slice(1));";
  const flags = ['--conditions=@agentwire/source', '--input-type=module', '--eval', program, '--'];
  const args = ['gateway', '--config', file(module(WORKER)), '--json'];
  const serving = spawn(process.execPath, [...flags, ...args], { cwd: home, stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void serving.kill('SIGKILL'));
  const [line] = (await once(serving.stdout, 'data')) as [Buffer];
  const { endpoint } = JSON.parse(line.toString()) as { endpoint: string };
  const answers = [await fetch(`${endpoint}/`), await fetch(`${endpoint}/admin`)].map(({ status }) => status);
  expect(answers).toEqual([200, 403]);
  serving.kill('SIGTERM');
  expect(await once(serving, 'exit')).toEqual([0, null]);
});
