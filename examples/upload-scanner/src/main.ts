// Client and upstream; the gateway and the agent run in processes of their own. Ends with 0 only if all is as it should be.
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { memoryGrowth } from './memory.ts';
import { hashOf, upload } from './upload.ts';

const MB = 1024 ** 2;
const HEAP_LIMIT = 32 * MB;
const size = Number(process.env['MEGABYTES'] ?? 100) * MB;
const say = (text: string): void => void process.stdout.write(`${text}\n`);

const children: ChildProcess[] = [];
const folder = mkdtempSync(join(tmpdir(), 'upload-scanner-'));

/** Starts a program of this folder and waits for its first message. */
async function start(file: string, args: readonly string[]): Promise<{ child: ChildProcess; ready: string }> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), args);
  children.push(child);
  const failed = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${file} ended with ${String(code)}`)));
  const [ready] = (await Promise.race([once(child, 'message'), failed])) as [string];
  return { child, ready };
}

/** Body that reached the upstream. */
const arrived: { bytes: number; sha256: string; told: unknown }[] = [];
const upstream = createServer((request, response) => {
  void hashOf(request).then(
    (got) => {
      arrived.push({ ...got, told: request.headers['x-sha256'] });
      response.end('stored\n');
    },
    () => response.destroy(),
  );
});

/** Uploads through the gateway. @returns status, body and megabytes a second */
async function send(url: string, seed: string): Promise<{ status: number; text: string; rate: number }> {
  const since = performance.now();
  const request = httpRequest(url, { method: 'POST', headers: { 'content-length': size } });
  const answer = once(request, 'response') as Promise<[IncomingMessage]>;
  await pipeline(Readable.from(upload(size, seed)), request);
  const [response] = await answer;
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += String(part);
  return { status: response.statusCode ?? 0, text, rate: size / MB / ((performance.now() - since) / 1000) };
}

async function run(): Promise<boolean> {
  const good = await hashOf(upload(size, 'good'));
  const bad = await hashOf(upload(size, 'bad'));
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const endpoint = `unix:${join(folder, 'scanner.sock')}`;
  const agent = await start('agent.ts', [endpoint, bad.sha256]);
  const address = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const gateway = await start('gateway.ts', [endpoint, address]);
  // what comes before the first upload is the programs themselves
  await Promise.all([memoryGrowth(gateway.child), memoryGrowth(agent.child)]);

  const sent = await send(gateway.ready, 'good');
  const blocked = await send(gateway.ready, 'bad');
  say(`good upload: ${sent.status} ${sent.text.trim()} (${size / MB} MB, ${sent.rate.toFixed(0)} MB/s)`);
  say(`bad upload:  ${blocked.status} ${blocked.text.trim()} (${blocked.rate.toFixed(0)} MB/s)`);

  let heapHeld = true;
  for (const [name, { child }] of Object.entries({ gateway, agent })) {
    const grown = await memoryGrowth(child);
    const [heap, buffers, rss] = [grown.heap, grown.buffers, grown.rss].map((bytes) => (bytes / MB).toFixed(1));
    say(`${name.padEnd(8)} grew by at most: heap ${heap} MB, buffers ${buffers} MB, resident ${rss} MB`);
    heapHeld &&= grown.heap < HEAP_LIMIT;
  }
  const [only] = arrived;
  const checks = {
    'the good upload arrived whole': sent.status === 200 && only?.bytes === size && only.sha256 === good.sha256,
    'the agent saw the same bytes': only?.told === good.sha256,
    'the bad upload was blocked': blocked.status === 403,
    'the upstream saw nothing of it': arrived.length === 1,
    'heaps grew by less than 32 MB': heapHeld,
  };
  for (const [what, holds] of Object.entries(checks)) say(`${holds ? 'ok  ' : 'FAIL'} ${what}`);
  return Object.values(checks).every(Boolean);
}

try {
  process.exitCode = (await run()) ? 0 : 1;
} finally {
  upstream.close();
  upstream.closeAllConnections();
  for (const child of children.toReversed()) {
    if (child.exitCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  rmSync(folder, { recursive: true, force: true });
}
