import { existsSync, lstatSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { AgentwireError, ALLOW, type Credential, type Listener } from '@agentwire/core';
import { serveSessions } from '@agentwire/core/session';
import { AgentClientV2, createGrpcTransport, type GrpcTransportOptions } from '@agentwire/transport-grpc';
import { expect, onTestFinished, test } from 'vitest';

const self = { role: 'agent', name: 'guard', version: '1', features: [], encodings: [] } as const;

function socketPath(): string {
  const folder = mkdtempSync(`${tmpdir()}/aw-`);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return `${folder}/a.sock`;
}

function serve(
  path: string,
  options: GrpcTransportOptions = {},
  authorize: (peer: unknown, credential: Credential) => void = () => undefined,
): Promise<Listener> {
  const transport = createGrpcTransport(options);
  return serveSessions(transport, `grpc+unix:${path}`, { onEvent: () => ALLOW }, { self, authorize });
}

async function decisionOf(path: string): Promise<string> {
  const client = await AgentClientV2.connect(`grpc+unix:${path}`);
  const decision = await client.sendRequestHeaders({
    id: 1,
    metadata: {
      correlationId: 'c',
      requestId: 'r',
      clientIp: '192.0.2.1',
      clientPort: 1,
      protocol: 'HTTP/1.1',
      timestamp: '2025-01-01T00:00:00Z',
    },
    method: 'GET',
    uri: '/',
    headers: ['host', 'a'],
    hasBody: false,
  });
  await client.close();
  return decision.verdict.type;
}

async function failure(attempt: Promise<unknown>): Promise<AgentwireError> {
  const error = await attempt.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (error instanceof AgentwireError) return error;
  return expect.unreachable(`got ${String(error)}`);
}

test('the socket is for this user alone, answers requests, and is removed by close', async () => {
  const path = socketPath();
  const listener = await serve(path);
  expect([listener.address, lstatSync(path).mode & 0o777]).toEqual([`grpc+unix:${path}`, 0o600]);
  expect(await decisionOf(path)).toBe('allow');
  await listener.close();
  expect(existsSync(path)).toBe(false);
});

test('mode and group are those of the options; with a group alone the group is admitted', async () => {
  const path = socketPath();
  const group = process.getgid?.() ?? 0;
  const wide = await serve(path, { mode: 0o666 });
  expect(lstatSync(path).mode & 0o777).toBe(0o666);
  await wide.close();
  const grouped = await serve(path, { group });
  expect([lstatSync(path).mode & 0o777, lstatSync(path).gid]).toEqual([0o660, group]);
  await grouped.close();
  expect((await failure(Promise.resolve().then(() => serve(path, { mode: 0o1777 })))).message).toMatch(/^mode must be/);
});

test('a stale socket is replaced; that of a live process and a file are not', async () => {
  const path = socketPath();
  const dead = createServer();
  await new Promise<void>((resolve) => dead.listen(`${path}.bound`, resolve));
  renameSync(`${path}.bound`, path);
  await new Promise((resolve) => dead.close(resolve));
  const listener = await serve(path);
  expect((await failure(serve(path))).message).toMatch(/a\.sock.*live process/);
  expect(await decisionOf(path)).toBe('allow');
  await listener.close();
  writeFileSync(path, 'x');
  expect((await failure(serve(path))).message).toContain('not a socket');
  expect(readdirSync(path.slice(0, -'/a.sock'.length))).toEqual(['a.sock']);
});

test('a peer is known by the address of the listener, and a path without a socket is ERR_CONNECT', async () => {
  const path = socketPath();
  const seen: string[] = [];
  const listener = await serve(path, {}, (_peer, { address }) => void seen.push(String(address)));
  await decisionOf(path);
  await listener.close();
  expect(seen).toEqual([`grpc+unix:${path}`]);
  const { code, message } = await failure(AgentClientV2.connect(`grpc+unix:${path}`));
  expect([code, message]).toEqual(['ERR_CONNECT', expect.stringContaining(path)]);
});
