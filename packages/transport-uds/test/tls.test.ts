import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AgentwireError, type Connection, type Credential, type ListenOptions } from '@agentwire/core';
import { createManualClock } from '@agentwire/core/testing';
import { createTcpTransport, type TlsOptions } from '@agentwire/transport-uds';
import { describe, expect, onTestFinished, test } from 'vitest';
import { certificates, clientCertificates } from './certificates/certificates.ts';
import { agentHello, Notes, proxyHello } from './fixtures.ts';

const listening = (options: Partial<ListenOptions> = {}): ListenOptions => ({
  self: proxyHello,
  onConnection: new Notes().onConnection,
  ...options,
});

function dial(address: string, tls: TlsOptions): Promise<Connection> {
  return createTcpTransport({ tls }).connect(address, { self: agentHello, onConnection: new Notes().onConnection });
}

async function failure(attempt: Promise<unknown>): Promise<AgentwireError> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof AgentwireError) return error;
    throw error;
  }
  return expect.unreachable('it succeeded');
}

describe('server certificate', () => {
  test('one of an unknown authority is refused, and asking again would not help', async () => {
    await using listener = await createTcpTransport({ tls: certificates }).listen('tls://127.0.0.1:0', listening());
    const { code, retryable, message } = await failure(dial(listener.address, {}));
    expect([code, retryable]).toEqual(['ERR_CONNECT', false]);
    expect(message).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED/);
  });

  test('one for another name is refused', async () => {
    await using listener = await createTcpTransport({ tls: certificates }).listen('tls://127.0.0.1:0', listening());
    const { code, message } = await failure(
      dial(listener.address, { ca: certificates.ca, serverName: 'other.example' }),
    );
    expect([code, message]).toEqual(['ERR_CONNECT', expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID')]);
  });

  test('the name that is expected can be another than the host', async () => {
    await using listener = await createTcpTransport({ tls: certificates }).listen('tls://127.0.0.1:0', listening());
    const connection = await dial(listener.address, { ca: certificates.ca, serverName: 'localhost' });
    expect(connection.status).toBe('open');
    await connection.close();
  });

  test('a listener needs one', async () => {
    const { code, message } = await failure(createTcpTransport().listen('tls://127.0.0.1:0', listening()));
    expect([code, message]).toEqual(['ERR_INVALID_ARGUMENT', expect.stringMatching(/tls\.key and tls\.cert/)]);
  });

  test('the error of something that is no certificate says so', async () => {
    const tls = { key: '-----BEGIN PRIVATE KEY-----x', cert: '-----BEGIN CERTIFICATE-----y' };
    expect((await failure(createTcpTransport({ tls }).listen('tls://127.0.0.1:0', listening()))).code).toBe(
      'ERR_CONNECT',
    );
  });
});

describe('client certificate', () => {
  test('authorize sees it, and a peer without one does not get in', async () => {
    let seen: Credential | undefined;
    const transport = createTcpTransport({ tls: { ...certificates, requireClientCertificate: true } });
    await using listener = await transport.listen(
      'tls://127.0.0.1:0',
      listening({ authorize: (_, credential) => void (seen = credential) }),
    );
    const connection = await dial(listener.address, clientCertificates);
    expect(seen?.certificate?.length).toBeGreaterThan(100);
    expect(seen?.address).toMatch(/^127\.0\.0\.1:\d+$/);
    await connection.close();
    const { code } = await failure(dial(listener.address, { ca: certificates.ca }));
    expect(code).toBe('ERR_CONNECT');
    expect(listener.connectionCount).toBe(0);
  });

  test('without asking for one there is none', async () => {
    let seen: Credential | undefined;
    await using listener = await createTcpTransport({ tls: certificates }).listen(
      'tls://127.0.0.1:0',
      listening({ authorize: (_, credential) => void (seen = credential) }),
    );
    await (await dial(listener.address, clientCertificates)).close();
    expect(seen?.certificate).toBeUndefined();
  });
});

test('peers that never finish their TLS hello count as pending, are evicted, and end at the deadline', async () => {
  const clock = createManualClock();
  const transport = createTcpTransport({ clock, tls: certificates });
  await using listener = await transport.listen('tls://127.0.0.1:0', listening({ maxPendingHandshakes: 3 }));
  const port = Number(new URL(listener.address.replace('tls:', 'http:')).port);
  const peers = Array.from({ length: 5 }, () => connectTcp({ host: '127.0.0.1', port }));
  onTestFinished(() => {
    for (const peer of peers) peer.destroy();
  });
  const closed = peers.map((peer) => {
    peer.on('error', () => undefined);
    peer.resume();
    return once(peer, 'close');
  });
  await Promise.all(peers.map((peer) => once(peer, 'connect')));
  await Promise.race(closed);
  while (clock.pendingTimers !== 3) await new Promise((resolve) => setImmediate(resolve));
  const connection = await dial(listener.address, { ca: certificates.ca });
  await connection.close();
  clock.advance(10_000);
  await Promise.all(closed);
  expect(clock.pendingTimers).toBe(0);
});

test('the TLS hello and the handshake have one deadline together', async () => {
  const clock = createManualClock();
  const transport = createTcpTransport({ clock, tls: certificates });
  await using listener = await transport.listen('tls://127.0.0.1:0', listening());
  const port = Number(listener.address.slice(listener.address.lastIndexOf(':') + 1));
  const raw = connectTcp({ host: '127.0.0.1', port });
  onTestFinished(() => void raw.destroy());
  while (clock.pendingTimers < 1) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(6000);
  const socket = connectTls({ socket: raw, ca: certificates.ca as string, host: '127.0.0.1' });
  socket.on('error', () => undefined);
  socket.resume();
  const closed = once(socket, 'close');
  await once(socket, 'secureConnect');
  clock.advance(3999);
  expect(clock.pendingTimers).toBe(1);
  clock.advance(1);
  expect(clock.pendingTimers).toBe(0);
  await closed;
});

test('something that is not TLS is dropped', async () => {
  const clock = createManualClock();
  const transport = createTcpTransport({ clock, tls: certificates });
  await using listener = await transport.listen('tls://127.0.0.1:0', listening());
  const plain = await failure(
    createTcpTransport().connect(listener.address.replace('tls:', 'tcp:'), {
      self: agentHello,
      onConnection: new Notes().onConnection,
    }),
  );
  expect(['ERR_CONNECT', 'ERR_PROTOCOL']).toContain(plain.code);
  // its place is free again at once, long before the deadline
  while (clock.pendingTimers > 0) await new Promise((resolve) => setImmediate(resolve));
  expect(listener.connectionCount).toBe(0);
});

test('an IPv6 address is printed so that it can be passed back in', async () => {
  await using listener = await createTcpTransport().listen('tcp://[::1]:0', listening());
  expect(listener.address).toMatch(/^tcp:\/\/\[::1\]:\d+$/);
  const options = { self: agentHello, onConnection: new Notes().onConnection };
  const connection = await createTcpTransport().connect(listener.address, options);
  await connection.close();
});

test('a port that is taken is named', async () => {
  await using listener = await createTcpTransport().listen('tcp://127.0.0.1:0', listening());
  const { code, message } = await failure(createTcpTransport().listen(listener.address, listening()));
  expect([code, message]).toEqual([
    'ERR_CONNECT',
    `cannot listen on ${listener.address}: another process listens there (EADDRINUSE)`,
  ]);
});

test('an unknown TLS option throws at once', () => {
  const tls = { rejectUnauthorized: false } as TlsOptions;
  expect(() => createTcpTransport({ tls })).toThrow(/tls has no option "rejectUnauthorized"/);
});
