import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { ALLOW, type ProxyEvent } from '@agentwire/core';
import { createManualClock } from '@agentwire/core/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Identity, makeIdentity } from '../../transport-grpc/test/support/certificates.ts';
import { TlsCertificates } from '../src/http2/tls-certificates.ts';
import { exchange } from './raw-client.ts';
import { setup } from './setup.ts';

const authority = makeIdentity('authority');

interface Files {
  readonly cert: string;
  readonly key: string;
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'tls-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

function write(path: string, name: string, { cert, key }: Identity): Files {
  const files = { cert: join(path, `${name}.pem`), key: join(path, `${name}.key`) };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
  return files;
}

async function handshake(url: string, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', ca: authority.cert, ...options });
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

/** Common name of the certificate that a server shows for a name. */
async function shown(url: string, servername: string): Promise<string> {
  const socket = await handshake(url, { servername, checkServerIdentity: () => undefined });
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

describe('HTTPS', () => {
  test('serves HTTP/1.1 and HTTP/2 on one port, and says so to agents and upstream', async () => {
    const files = write(folder(), 'one', makeIdentity('one', authority));
    const events: ProxyEvent[] = [];
    const waf = (event: ProxyEvent): typeof ALLOW => {
      events.push(event);
      return ALLOW;
    };
    const { url } = await setup({ waf }, {}, undefined, { tls: { certificates: [files] } });
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const session = connectHttp2(url, { ca: authority.cert });
    onTestFinished(() => session.destroy());
    const stream = session.request({ ':path': '/two', ':authority': 'localhost' });
    let body = '';
    stream.on('data', (part) => (body += String(part)));
    await once(stream, 'close');
    expect(JSON.parse(body)).toMatchObject({
      url: '/two',
      headers: { host: 'localhost', 'x-forwarded-proto': 'https' },
    });
    const one = request(`${url}/one`, { ca: authority.cert });
    one.end();
    const [response] = (await once(one, 'response')) as [AsyncIterable<Buffer>];
    let text = '';
    for await (const part of response) text += String(part);
    expect(JSON.parse(text)).toMatchObject({ url: '/one', headers: { 'x-forwarded-proto': 'https' } });
    const heads = events.filter((event) => event.type === 'requestHeaders');
    expect(heads.map(({ metadata }) => [metadata.protocol, metadata.tlsVersion])).toEqual([
      ['HTTP/2.0', 'TLSv1.3'],
      ['HTTP/1.1', 'TLSv1.3'],
    ]);
  });

  test('negotiates what a client offers, and nothing else', async () => {
    const files = write(folder(), 'one', makeIdentity('one', authority));
    const { url } = await setup({}, {}, undefined, { tls: { certificates: [files] } });
    expect((await handshake(url, { ALPNProtocols: ['http/1.1', 'h2'] })).alpnProtocol).toBe('h2');
    expect((await handshake(url, { ALPNProtocols: ['http/1.1'] })).alpnProtocol).toBe('http/1.1');
    expect((await handshake(url, {})).alpnProtocol).toBe(false);
    await expect(handshake(url, { ALPNProtocols: ['spdy/3'] })).rejects.toThrow(/alert no application protocol/i);
    await expect(handshake(url, { maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' })).rejects.toThrow();
    // plain text on this port ends the connection
    expect(await exchange(url, 'GET / HTTP/1.1\r\nhost: h\r\n\r\n')).not.toContain('HTTP/1.1 200');
  });

  test('without http2 offers HTTP/1.1 only', async () => {
    const files = write(folder(), 'one', makeIdentity('one', authority));
    const { url } = await setup({}, {}, undefined, { tls: { certificates: [files], http2: false } });
    expect((await handshake(url, { ALPNProtocols: ['h2', 'http/1.1'] })).alpnProtocol).toBe('http/1.1');
  });

  test('needs a client certificate of clientCa', async () => {
    const path = folder();
    const files = write(path, 'one', makeIdentity('one', authority));
    const ca = write(path, 'ca', authority).cert;
    const { url } = await setup({}, {}, undefined, { tls: { certificates: [files], clientCa: ca } });
    const get = async (options: ConnectionOptions): Promise<number> => {
      const asked = request(url, { ca: authority.cert, agent: false, ...options });
      asked.end();
      const [response] = (await once(asked, 'response')) as [{ statusCode: number; resume(): void }];
      response.resume();
      return response.statusCode;
    };
    const { cert, key } = makeIdentity('client', authority);
    expect(await get({ cert, key })).toBe(200);
    await expect(get({})).rejects.toThrow(/certificate required|ECONNRESET|socket hang up/);
    const other = makeIdentity('other', makeIdentity('another authority'));
    await expect(get({ cert: other.cert, key: other.key })).rejects.toThrow(/alert|ECONNRESET|socket hang up/);
  });

  test('shows the certificate of the name: exact, by wildcard, else the first', async () => {
    const path = folder();
    const certificates = [
      write(path, 'first', makeIdentity('first', authority, ['first.test'])),
      write(path, 'wild', makeIdentity('wild', authority, ['*.shop.test', 'shop.test'])),
      write(path, 'exact', makeIdentity('exact', authority, ['pay.shop.test'])),
    ];
    const { url } = await setup({}, {}, undefined, { tls: { certificates } });
    expect(await shown(url, 'Pay.shop.test')).toBe('exact');
    expect(await shown(url, 'www.shop.test')).toBe('wild');
    expect(await shown(url, 'shop.test')).toBe('wild');
    expect(await shown(url, 'a.b.shop.test')).toBe('first');
    expect(await shown(url, 'unknown.test')).toBe('first');
    expect(await shown(url, '')).toBe('first');
  });

  test('shows changed certificates to new connections; a pair that does not fit changes nothing', async () => {
    const path = folder();
    const files = write(path, 'one', makeIdentity('old', authority));
    const clock = createManualClock();
    const warnings: string[] = [];
    const silent = (): void => undefined;
    const logger = {
      debug: silent,
      info: silent,
      error: silent,
      warn: (_fields: object, message: string) => void warnings.push(message),
    };
    let changes = 0;
    const options = { clientCa: undefined, minVersion: 'TLSv1.2' as const, reloadIntervalMs: 1000, clock, logger };
    const certificates = new TlsCertificates({ ...options, certificates: [files], onChange: () => (changes += 1) });
    onTestFinished(() => certificates.close());
    const before = certificates.select('localhost');
    clock.advance(1000);
    expect(certificates.select('localhost')).toBe(before);
    const renewed = makeIdentity('new', authority);
    writeFileSync(files.cert, renewed.cert);
    clock.advance(1000);
    expect(certificates.select('localhost')).toBe(before);
    expect(warnings.join('\n')).toContain('is not the key of');
    writeFileSync(files.key, renewed.key);
    clock.advance(1000);
    expect(certificates.select('localhost')).not.toBe(before);
    expect(changes).toBe(1);
    rmSync(files.key);
    clock.advance(1000);
    expect(changes).toBe(1);
    expect(certificates.reload()).toBe(0);
    // a pipe would stop the process: here it has a writer, so that a reader fails too
    execFileSync('mkfifo', [files.key]);
    const writer = spawn('sh', ['-c', 'echo no key > "$0"', files.key], { stdio: 'ignore' });
    onTestFinished(() => void writer.kill());
    expect(certificates.reload()).toBe(0);
    expect(warnings.at(-1)).toContain(`${files.key} cannot be used: no regular file`);
  });

  test('reloadCertificates takes them at once, also for clients without a name', async () => {
    const path = folder();
    const files = write(path, 'one', makeIdentity('old', authority));
    const { url, gateway } = await setup({}, {}, undefined, { tls: { certificates: [files] } });
    const session = connectHttp2(url, { ca: authority.cert });
    onTestFinished(() => session.destroy());
    await once(session, 'connect');
    write(path, 'one', makeIdentity('new', authority));
    expect(gateway.reloadCertificates()).toBe(1);
    expect(await shown(url, 'localhost')).toBe('new');
    expect(await shown(url, '')).toBe('new');
    const stream = session.request({ ':path': '/', ':authority': 'localhost' });
    stream.resume();
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    expect(headers[':status']).toBe(200);
  });

  test.each([
    [{ certificates: [] }, /tls\.certificates must name at least one/],
    [{ certificates: [{ cert: '/none.pem', key: '/none.key' }] }, /\/none\.pem cannot be used: ENOENT/],
    [{ certificates: 'x' }, /certificates must be a list/],
    [{ certificates: [], h3: true }, /h3/],
  ])('refuses %j', async (tls, message) => {
    const { gateway } = await setup({});
    await expect(gateway.listen({ tls: tls as never })).rejects.toThrow(message);
  });
});
