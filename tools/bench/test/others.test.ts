import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { httpNotes } from '../src/http/cell.ts';
import { OTHERS } from '../src/http/others/index.ts';
import { Place } from '../src/http/others/other-proxy.ts';
import { ack, agentHello, readFrame, readMessages } from '../src/raw/spop.ts';
import { freePort } from '../src/run/processes.ts';

test.each(Object.entries(OTHERS))('%s asks its agent, or the report says what it needs', async (id, other) => {
  const needs = other.missing();
  if (needs !== undefined) {
    expect(httpNotes()).toContain(`the row ${id} is missing: it needs ${needs}`);
    return;
  }
  await using stack = new AsyncDisposableStack();
  const seen: IncomingHttpHeaders[] = [];
  const upstream = createServer(({ headers }, response) => {
    seen.push(headers);
    response.end('from the upstream');
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  stack.defer(() => {
    upstream.close();
    upstream.closeAllConnections();
  });
  const folder = await mkdtemp(join(tmpdir(), 'agentwire-bench-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const port = await freePort();
  await other.start(new Place(stack, folder, port, (upstream.address() as AddressInfo).port));
  const response = await fetch(`http://127.0.0.1:${port}/api/v2/accounts/1?full=1`);
  expect([response.status, await response.text()]).toEqual([200, 'from the upstream']);
  // the crate's agent sets a header of its own
  if (id !== 'zentinel') expect(seen).toMatchObject([{ 'x-agent': 'allow' }]);
});

test('the protocol of HAProxy: frames that are not whole wait, arguments are read by name', () => {
  const hello = agentHello();
  expect(readFrame(hello.subarray(0, hello.length - 1))).toBeUndefined();
  expect(readFrame(hello)).toMatchObject({ type: 101, streamId: 0, frameId: 0, length: hello.length });
  // 5 000 in four bits and seven and seven, as HAProxy counts
  const answer = readFrame(ack({ length: 0, type: 3, streamId: 5000, frameId: 1, payload: hello }));
  expect(answer).toMatchObject({ type: 103, streamId: 5000, frameId: 1 });
  const payload = Buffer.from('\x05judge\x03\x04path\x08\x02/x\x03ssl\x11\x04port\x02\xf0\x01', 'latin1');
  expect([...readMessages(payload)]).toEqual([
    ['path', '/x'],
    ['ssl', undefined],
    ['port', undefined],
  ]);
});
