import { afterEach, describe, expect, test } from 'vitest';
import type { Connection, Credential, Listener } from '@agentwire/core';
import { createGrpcTransport, type GrpcTlsOptions } from '../src/index.ts';
import { makeIdentity } from './support/certificates.ts';
import { AGENT, allowAll, PROXY, Recorder, requestHeaders } from './support/peers.ts';

const authority = makeIdentity('test authority');
const server = makeIdentity('agent', authority);
const client = makeIdentity('proxy', authority);
const other = makeIdentity('other', makeIdentity('other authority'));

const opened: (Listener | Connection)[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).toReversed()) {
    if ('abort' in one) one.abort();
    else await one.close();
  }
});

async function listen(tls: GrpcTlsOptions, seen: Credential[] = []) {
  const agent = new Recorder();
  agent.onReceived = allowAll;
  const transport = createGrpcTransport({ tls });
  const listener = await transport.listen('grpcs://127.0.0.1:0', {
    self: AGENT,
    onConnection: agent.attach,
    authorize: (_peer, credential) => void seen.push(credential),
  });
  opened.push(listener);
  return { agent, listener };
}

async function connect(address: string, tls: GrpcTlsOptions) {
  const proxy = new Recorder();
  const connection = await createGrpcTransport({ tls }).connect(address, { self: PROXY, onConnection: proxy.attach });
  opened.push(connection);
  return { proxy, connection };
}

describe('gRPC over TLS', () => {
  test('asks and answers', async () => {
    const { listener } = await listen({ cert: server.cert, key: server.key });
    expect(listener.address).toMatch(/^grpcs:\/\/127\.0\.0\.1:\d+$/);
    const { proxy, connection } = await connect(listener.address, { ca: authority.cert });
    connection.send(requestHeaders('t-1'));
    await proxy.received(1);
    expect(proxy.messages[0]).toMatchObject({ type: 'answer', id: 't-1' });
  });

  test('does not talk to an agent whose certificate it cannot check', async () => {
    const { listener, agent } = await listen({ cert: other.cert, key: other.key });
    await expect(connect(listener.address, { ca: authority.cert })).rejects.toMatchObject({ code: 'ERR_CONNECT' });
    expect(agent.connection).toBeUndefined();
  });

  test('checks the name in the certificate', async () => {
    const { listener } = await listen({ cert: server.cert, key: server.key });
    const wrong = { ca: authority.cert, servername: 'elsewhere.example' };
    await expect(connect(listener.address, wrong)).rejects.toMatchObject({ code: 'ERR_CONNECT' });
    await connect(listener.address, { ca: authority.cert, servername: 'localhost' });
  });

  test('hands the verified client certificate to authorize', async () => {
    const seen: Credential[] = [];
    const tls = { ca: authority.cert, cert: server.cert, key: server.key, requireClientCertificate: true };
    const { listener } = await listen(tls, seen);
    await connect(listener.address, { ca: authority.cert, cert: client.cert, key: client.key });
    const expected = Buffer.from(client.cert.replaceAll(/-----[A-Z ]+-----|\n/g, ''), 'base64');
    expect(Buffer.from(seen[0]?.certificate ?? [])).toEqual(expected);
    expect(seen[0]?.address).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  test('refuses a peer without a certificate, or with one of another authority', async () => {
    const seen: Credential[] = [];
    const tls = { ca: authority.cert, cert: server.cert, key: server.key, requireClientCertificate: true };
    const { listener } = await listen(tls, seen);
    const none = connect(listener.address, { ca: authority.cert });
    await expect(none).rejects.toMatchObject({ code: 'ERR_UNAUTHORIZED' });
    const refused = connect(listener.address, { ca: authority.cert, cert: other.cert, key: other.key });
    // Node's server checks the authority after the handshake and just closes
    await expect(refused).rejects.toMatchObject({ code: 'ERR_CONNECT' });
    expect(seen).toEqual([]);
  });

  test('ignores a certificate of another authority where none is required', async () => {
    const seen: Credential[] = [];
    const { listener } = await listen({ ca: authority.cert, cert: server.cert, key: server.key }, seen);
    await connect(listener.address, { ca: authority.cert, cert: other.cert, key: other.key });
    expect(seen).toHaveLength(1);
    expect(seen[0]?.certificate).toBeUndefined();
  });

  test('has an error each for a taken port, no listener, and an unknown authority', async () => {
    const { listener } = await listen({ cert: server.cert, key: server.key }, []);
    const again = createGrpcTransport({ tls: { cert: server.cert, key: server.key } }).listen(listener.address, {
      self: AGENT,
      onConnection: new Recorder().attach,
    });
    await expect(again).rejects.toMatchObject({
      code: 'ERR_CONNECT',
      retryable: false,
      message: `cannot listen on ${listener.address}: another process listens there (EADDRINUSE)`,
    });
    await expect(connect(listener.address, {})).rejects.toThrow('tls.ca (--tls-ca on the command line)');
    await listener.close();
    await expect(connect(listener.address, { ca: authority.cert })).rejects.toThrow(
      `cannot connect to ${listener.address}: ECONNREFUSED, nothing listens there; is the other side running?`,
    );
  });

  test('refuses to listen without a certificate, and to take half of one', async () => {
    const transport = createGrpcTransport();
    const options = { self: AGENT, onConnection: new Recorder().attach };
    await expect(transport.listen('grpcs://127.0.0.1:0', options)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      message: expect.stringContaining('transports: stockTransports({ tls: { key, cert } })') as string,
    });
    expect(() => createGrpcTransport({ tls: { cert: server.cert } })).toThrow(/tls.cert and tls.key go together/);
  });
});
