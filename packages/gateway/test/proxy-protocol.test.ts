import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { ALLOW, type ProxyEvent } from '@agentwire/core';
import type { ListenOptions } from '@agentwire/gateway';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeIdentity } from '../../transport-grpc/test/support/certificates.ts';
import { setup } from './setup.ts';

const V1 = Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n');
const V2 = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000207c6336401126701bb', 'hex');
const LOCAL = Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex');
const REQUEST = 'GET /a HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n';

interface Rig extends Awaited<ReturnType<typeof setup>> {
  readonly clients: string[];
}

/** Gateway whose agent notes the address and port of each client. */
async function rig(listen: ListenOptions, options: Parameters<typeof setup>[1] = {}): Promise<Rig> {
  const clients: string[] = [];
  const waf = (event: ProxyEvent): typeof ALLOW => {
    if (event.type === 'requestHeaders') clients.push(`${event.metadata.clientIp} ${event.metadata.clientPort}`);
    return ALLOW;
  };
  const made = await setup({ waf }, options, undefined, { proxyProtocol: true, ...listen });
  return { ...made, clients };
}

async function dial(url: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Sends parts, each in a packet of its own, and returns what came until the end. */
async function send(url: string, ...parts: readonly (Buffer | string)[]): Promise<string> {
  const socket = await dial(url);
  socket.setNoDelay();
  const got: Buffer[] = [];
  socket.on('data', (part: Buffer) => got.push(part));
  for (const part of parts) {
    if (socket.destroyed) break;
    await new Promise<void>((resolve) => socket.write(part, () => setImmediate(resolve)));
  }
  if (!socket.closed) await once(socket, 'close');
  return Buffer.concat(got).toString();
}

test.each<[string, readonly Buffer[]]>([
  ['v1', [V1]],
  ['v2', [V2]],
  ['v1 in pieces', [V1.subarray(0, 3), V1.subarray(3, 20), V1.subarray(20)]],
  ['v2 in pieces', Array.from(V2, (byte) => Buffer.from([byte]))],
])('agents, access log and upstream get the address of the client: %s', async (_what, header) => {
  const { url, clients, summaries, ended } = await rig({});
  const answer = await send(url, ...header, REQUEST);
  expect(answer).toMatch(/^HTTP\/1\.1 200 /);
  expect(answer).toContain('"x-forwarded-for":"192.0.2.7"');
  await ended(1);
  expect([clients, summaries[0]?.client]).toEqual([['192.0.2.7 4711'], '192.0.2.7']);
});

test('header and request in one packet, and several requests on a connection', async () => {
  const { url, clients } = await rig({});
  const keep = REQUEST.replace('close', 'keep-alive');
  expect(await send(url, Buffer.concat([V2, Buffer.from(keep), Buffer.from(REQUEST)]))).toMatch(/200 OK[^]*200 OK/);
  expect(clients).toEqual(['192.0.2.7 4711', '192.0.2.7 4711']);
});

test('LOCAL and UNKNOWN: the client is the proxy itself', async () => {
  const { url, clients } = await rig({});
  await send(url, LOCAL, REQUEST);
  await send(url, 'PROXY UNKNOWN\r\n', REQUEST);
  expect(clients.map((client) => client.split(' ')[0])).toEqual(['127.0.0.1', '127.0.0.1']);
});

test('the header comes before HTTP/2 without TLS', async () => {
  const { url, clients } = await rig({ h2c: true });
  const socket = await dial(url);
  socket.write(V1);
  const session = connectHttp2(url, { createConnection: () => socket });
  onTestFinished(() => session.destroy());
  const stream = session.request({ ':path': '/' });
  const [head] = (await once(stream, 'response')) as [{ ':status': number }];
  expect([head[':status'], clients]).toEqual([200, ['192.0.2.7 4711']]);
  // HTTP/1.1 beside it
  expect(await send(url, V2, REQUEST)).toMatch(/^HTTP\/1\.1 200 /);
  expect(clients).toHaveLength(2);
});

describe('before TLS', () => {
  async function secure(): Promise<Rig & { readonly ca: string }> {
    const authority = makeIdentity('test authority');
    const identity = makeIdentity('localhost', authority);
    const folder = mkdtempSync(join(tmpdir(), 'proxy-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    writeFileSync(cert, identity.cert);
    writeFileSync(key, identity.key);
    return { ...(await rig({ tls: { certificates: [{ cert, key }] } })), ca: authority.cert };
  }

  test.each(['h2', 'http/1.1'])('%s', async (protocol) => {
    const { url, clients, ca } = await secure();
    // several at a time: none gets the address of another
    const ports = [4_711, 4_712, 4_713];
    await Promise.all(
      ports.map(async (port) => {
        const socket = await dial(url);
        socket.write(V1.toString().replace('4711', String(port)));
        const tls = connectTls({ socket, ca, servername: 'localhost', ALPNProtocols: [protocol] });
        tls.on('error', () => undefined);
        await once(tls, 'secureConnect');
        if (protocol === 'h2') {
          const session = connectHttp2(url, { createConnection: () => tls });
          onTestFinished(() => session.destroy());
          await once(session.request({ ':path': '/' }), 'response');
        } else {
          tls.write(REQUEST);
          const [part] = (await once(tls, 'data')) as [Buffer];
          expect(part.toString()).toMatch(/^HTTP\/1\.1 200 /);
        }
      }),
    );
    expect(clients.toSorted()).toEqual(ports.map((port) => `192.0.2.7 ${port}`));
  });

  test('a handshake without the header is cut', async () => {
    const { url, clients, ca } = await secure();
    const tls = connectTls({ port: Number(new URL(url).port), ca, servername: 'localhost' });
    await once(tls, 'error');
    expect(clients).toEqual([]);
  });
});

describe('connections that are cut', () => {
  test.each<[string, readonly (Buffer | string)[]]>([
    ['without a header', [REQUEST]],
    ['with a wrong one', ['PROXY TCP4 999.0.0.1 1.1.1.1 1 2\r\n', REQUEST]],
    ['with a header that does not end', ['PROXY TCP4 192.0.2.7', 'x'.repeat(200)]],
  ])('%s', async (_what, parts) => {
    const { url, clients } = await rig({});
    expect(await send(url, ...parts)).toBe('');
    expect(clients).toEqual([]);
  });

  test('of clients that send too little for timeoutMs', async () => {
    const { url } = await rig({ proxyProtocol: { timeoutMs: 50 } });
    expect(await send(url)).toBe('');
    expect(await send(url, V1.subarray(0, 20))).toBe('');
  });

  test('of peers that are not named, whatever they claim', async () => {
    const lines: string[] = [];
    const warn = (_fields: object, message?: string): void => void lines.push(message ?? '');
    const logger = { debug: () => undefined, info: () => undefined, warn, error: warn };
    const { url, clients } = await rig({ proxyProtocol: { from: ['10.0.0.0/8', '::1'] } }, { logger });
    expect(await send(url, V1, REQUEST)).toBe('');
    expect(clients).toEqual([]);
    expect(lines).toEqual(['a connection was cut: its peer is none of proxyProtocol.from']);
    const trusted = await rig({ proxyProtocol: { from: ['127.0.0.0/8'] } });
    expect(await send(trusted.url, V1, REQUEST)).toMatch(/200 OK/);
  });

  test('when the gateway closes, also before their header', async () => {
    const { url, gateway } = await rig({});
    const socket = await dial(url);
    const over = once(socket, 'close');
    await gateway.close();
    await over;
  });
});

test('an address of the PROXY protocol is a peer for trustForwarded', async () => {
  const { url, clients } = await rig({}, { trustForwarded: ['192.0.2.0/24'] });
  await send(url, V1, REQUEST.replace('host', 'x-forwarded-for: 1.1.1.1\r\nhost'));
  expect(clients).toEqual(['1.1.1.1 0']);
  const other = await rig({}, { trustForwarded: ['127.0.0.0/8'] });
  await send(other.url, V1, REQUEST.replace('host', 'x-forwarded-for: 1.1.1.1\r\nhost'));
  expect(other.clients).toEqual(['192.0.2.7 4711']);
});

test.each<[unknown, string]>([
  [
    'yes',
    "proxyProtocol must be true, false or an object with from and timeoutMs, such as { from: ['10.0.0.0/8'] }, got",
  ],
  [{ from: ['10.0.0.0/8', 'lb'] }, 'proxyProtocol.from[1] must be an IP address or ADDRESS/BITS, got "lb"'],
  [{ timeoutMs: 0 }, 'proxyProtocol.timeoutMs'],
  [{ version: 2 }, 'version'],
])('%j is refused', async (proxyProtocol, message) => {
  await expect(rig({ proxyProtocol } as never)).rejects.toThrow(message);
});
