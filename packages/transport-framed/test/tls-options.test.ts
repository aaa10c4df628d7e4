import { connect, createServer } from 'node:tls';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { clientTlsOptions, serverTlsOptions } from '@agentwire/transport-framed/internal';
import { expect, onTestFinished, test } from 'vitest';
import { certificates, clientCertificates } from '../../transport-uds/test/certificates/certificates.ts';

test('all dials with the same options share one context, and others have their own', () => {
  const { secureContext } = clientTlsOptions(certificates, '127.0.0.1');
  expect(clientTlsOptions(certificates, 'localhost')).toEqual({ secureContext, servername: 'localhost' });
  expect(clientTlsOptions(certificates, 'localhost').secureContext).toBe(secureContext);
  expect(clientTlsOptions({ ...certificates }, 'localhost').secureContext).not.toBe(secureContext);
});

test('a key that cannot be read throws at every dial', () => {
  const tls = { ...clientCertificates, key: 'no key' };
  for (let dials = 0; dials < 2; dials += 1) expect(() => clientTlsOptions(tls, 'localhost')).toThrow(/DECODER|PEM/);
});

test('a shared context gives the client its certificate, and checks that of each server', async () => {
  const server = createServer(serverTlsOptions({ ...certificates, requireClientCertificate: true }), (socket) => {
    socket.end(String(socket.getPeerCertificate().subject.CN));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const ask = async (serverName: string): Promise<string> => {
    const tls = serverName === 'localhost' ? clientCertificates : { ...clientCertificates, serverName };
    const socket = connect({ host: '127.0.0.1', port, ...clientTlsOptions(tls, 'localhost') });
    let text = '';
    for await (const part of socket.setEncoding('utf8')) text += String(part);
    return text;
  };
  const first = await ask('localhost');
  expect(first).not.toBe('');
  expect(await ask('localhost')).toBe(first);
  await expect(ask('elsewhere.test')).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
});
