import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ALLOW, type Decision, type ProxyEvent } from '@agentwire/core';
import type { GatewayOptions, ListenOptions, UpstreamConfig } from '@agentwire/gateway';
import {
  credentials,
  Metadata,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  type ServiceError,
  status,
  type StatusObject,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { makeIdentity } from '../../transport-grpc/test/support/certificates.ts';
import { setup } from './setup.ts';
import { type EchoStub, grpcClient, grpcServer } from './support/grpc-echo.ts';

type Bytes = Buffer;

const trailing = (): Metadata => {
  const metadata = new Metadata();
  metadata.set('x-last', 'trailer');
  metadata.set('sum-bin', Buffer.from([1, 2, 255]));
  return metadata;
};

/** Echoes messages with metadata in head and trailers. */
const echo: UntypedServiceImplementation = {
  unary(call: ServerUnaryCall<Bytes, Bytes>, callback: sendUnaryData<Bytes>) {
    const head = new Metadata();
    head.set('x-first', String(call.metadata.get('x-own')[0] ?? ''));
    call.sendMetadata(head);
    if (String(call.request) === 'fail')
      callback({ code: status.ABORTED, details: 'not today: ü', metadata: trailing() });
    else callback(null, Buffer.from(`got ${String(call.request)}`), trailing());
  },
  upload(call: ServerReadableStream<Bytes, Bytes>, callback: sendUnaryData<Bytes>) {
    let total = 0;
    call.on('data', (part: Bytes) => (total += part.length));
    call.on('end', () => callback(null, Buffer.from(String(total)), trailing()));
  },
  download(call: ServerWritableStream<Bytes, Bytes>) {
    for (let at = 0; at < 3; at++) call.write(Buffer.from(`${String(call.request)} ${at}`));
    call.end(trailing());
  },
  both(call: ServerDuplexStream<Bytes, Bytes>) {
    call.write(Buffer.from('hello'));
    call.on('data', (part: Bytes) => call.write(Buffer.from(`got ${String(part)}`)));
    call.on('end', () => call.end(trailing()));
  },
};

const block = (response: Partial<Extract<Decision['verdict'], { type: 'block' }>> = {}): Decision => ({
  verdict: { type: 'block', status: 403, ...response },
});

interface Rig extends Awaited<ReturnType<typeof setup>> {
  readonly client: EchoStub;
}

async function rig(
  service: UntypedServiceImplementation = echo,
  agents: Parameters<typeof setup>[0] = {},
  options: Partial<GatewayOptions> = {},
  upstream: Partial<UpstreamConfig> = {},
): Promise<Rig> {
  const port = await grpcServer(service);
  const target: UpstreamConfig = { targets: [`http://127.0.0.1:${port}`], protocol: 'http2', ...upstream };
  const made = await setup(agents, { upstream: 'grpc', upstreams: { grpc: target }, ...options }, undefined, {
    h2c: true,
  });
  return { ...made, client: grpcClient(new URL(made.url).host) };
}

interface Answer {
  readonly error: ServiceError | null;
  readonly value: string | undefined;
  readonly head: Metadata | undefined;
  readonly last: StatusObject;
}

async function unary(client: EchoStub, text: string, own = 'mine', deadlineMs?: number): Promise<Answer> {
  const metadata = new Metadata();
  metadata.set('x-own', own);
  const { promise, resolve } = Promise.withResolvers<Pick<Answer, 'error' | 'value'>>();
  const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
  const call = client.unary(Buffer.from(text), metadata, options, (error, value) =>
    resolve({ error: error as ServiceError | null, value: value?.toString() }),
  );
  let head: Metadata | undefined;
  call.on('metadata', (got: Metadata) => (head = got));
  const [[last], result] = await Promise.all([once(call, 'status') as Promise<[StatusObject]>, promise]);
  return { ...result, head, last };
}

async function exchangeAll(client: EchoStub): Promise<void> {
  const one = await unary(client, 'one');
  expect(one).toMatchObject({ error: null, value: 'got one', last: { code: status.OK } });
  expect(one.head?.get('x-first')).toEqual(['mine']);
  expect(one.last.metadata.get('x-last')).toEqual(['trailer']);
  expect(one.last.metadata.get('sum-bin')).toEqual([Buffer.from([1, 2, 255])]);

  const total = Promise.withResolvers<string>();
  const up = client.upload(new Metadata(), (error, value) =>
    error === null ? total.resolve(String(value)) : total.reject(error),
  );
  for (let at = 0; at < 100; at++) up.write(Buffer.alloc(5_000));
  up.end();
  expect(await total.promise).toBe('500000');

  const down = client.download(Buffer.from('part'));
  const parts: string[] = [];
  down.on('data', (part: Buffer) => parts.push(part.toString()));
  const [downStatus] = (await once(down, 'status')) as [StatusObject];
  expect(parts).toEqual(['part 0', 'part 1', 'part 2']);
  expect(downStatus.metadata.get('x-last')).toEqual(['trailer']);

  // the server speaks first, then each answer comes before the next message
  const both = client.both();
  const next = async (): Promise<string> => String(((await once(both, 'data')) as [Buffer])[0]);
  expect(await next()).toBe('hello');
  for (const text of ['a', 'b']) {
    both.write(Buffer.from(text));
    expect(await next()).toBe(`got ${text}`);
  }
  both.end();
  both.resume();
  const [bothStatus] = (await once(both, 'status')) as [StatusObject];
  expect(bothStatus).toMatchObject({ code: status.OK });
}

test('a grpc-js client calls a grpc-js server: unary and all three streams, with metadata and trailers', async () => {
  const { client, summaries, ended } = await rig();
  await exchangeAll(client);
  await ended(4);
  expect(summaries.map(({ outcome }) => outcome)).toEqual(['allowed', 'allowed', 'allowed', 'allowed']);
  expect(summaries.map(({ grpcStatus }) => grpcStatus)).toEqual([0, 0, 0, 0]);
});

test('observers are told the status of a call that the upstream answered, in its trailers or in a head without a body', async () => {
  const one = await rig();
  expect((await unary(one.client, 'fail')).error).toMatchObject({ code: status.ABORTED });
  await one.ended(1);
  expect(one.summaries[0]).toMatchObject({ outcome: 'allowed', status: 200, grpcStatus: status.ABORTED });
  const bare = await rig({}, { waf: () => ALLOW });
  expect((await unary(bare.client, 'one')).error).toMatchObject({ code: status.UNIMPLEMENTED });
  await bare.ended(1);
  expect(bare.summaries[0]).toMatchObject({ outcome: 'allowed', status: 200, grpcStatus: status.UNIMPLEMENTED });
});

test('the same over TLS on both sides', async () => {
  const authority = makeIdentity('test authority');
  const identity = makeIdentity('localhost', authority);
  const folder = mkdtempSync(join(tmpdir(), 'grpc-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  writeFileSync(cert, identity.cert);
  writeFileSync(key, identity.key);
  const pem = { private_key: Buffer.from(identity.key), cert_chain: Buffer.from(identity.cert) };
  const port = await grpcServer(echo, ServerCredentials.createSsl(null, [pem]));
  const tls = { ca: authority.cert, serverName: 'localhost' };
  for (const protocol of ['http2', 'auto'] as const) {
    const upstream: UpstreamConfig = { targets: [`https://127.0.0.1:${port}`], protocol, tls };
    const listen: ListenOptions = { tls: { certificates: [{ cert, key }] } };
    const { url } = await setup({}, { upstream: 'grpc', upstreams: { grpc: upstream } }, undefined, listen);
    await exchangeAll(grpcClient(new URL(url).host, credentials.createSsl(Buffer.from(authority.cert))));
  }
});

describe('agents judge the head', () => {
  test('and change it both ways; a trailer cannot say what an agent has removed', async () => {
    const events: ProxyEvent[] = [];
    const agents = {
      waf: (event: ProxyEvent): Decision => {
        events.push(event);
        if (event.type === 'requestHeaders')
          return { ...ALLOW, requestHeaders: [{ op: 'set', name: 'x-own', value: 'theirs' }] };
        return { ...ALLOW, responseHeaders: [{ op: 'remove', name: 'X_Last' }] };
      },
    };
    const { client } = await rig(echo, agents);
    const answer = await unary(client, 'one');
    expect(answer).toMatchObject({ value: 'got one' });
    expect(answer.head?.get('x-first')).toEqual(['theirs']);
    expect(answer.last.metadata.get('x-last')).toEqual([]);
    expect(answer.last.metadata.get('sum-bin')).toHaveLength(1);
    expect(events[0]).toMatchObject({ uri: '/test.Echo/Unary', method: 'POST', hasBody: true });
  });

  test.each<[string, Parameters<typeof block>[0], number, string]>([
    ['403', { body: 'no: ü %' }, status.PERMISSION_DENIED, 'no: ü %'],
    ['401', { status: 401 }, status.UNAUTHENTICATED, ''],
    ['404', { status: 404 }, status.UNIMPLEMENTED, ''],
    ['429', { status: 429 }, status.UNAVAILABLE, ''],
    ['418', { status: 418 }, status.UNKNOWN, ''],
    ['a text cut at a space', { body: `${'a'.repeat(1_023)} b` }, status.PERMISSION_DENIED, 'a'.repeat(1_023)],
    [
      'own status',
      { headers: ['grpc-status', '8', 'grpc-message', 'later', 'x-rule', '7'] },
      status.RESOURCE_EXHAUSTED,
      'later',
    ],
  ])('a block is a gRPC status: %s', async (_what, response, code, details) => {
    const { client, summaries, ended } = await rig(echo, { waf: () => block(response) });
    const { error, last } = await unary(client, 'one');
    expect(error).toMatchObject({ code, details });
    if (response?.headers !== undefined) expect(last.metadata.get('x-rule')).toEqual(['7']);
    await ended(1);
    expect(summaries[0]).toMatchObject({ outcome: 'blocked', agent: 'waf', grpcStatus: code });
  });

  test('of a response: a block comes in time, before anything was sent', async () => {
    const agents = {
      waf: (event: ProxyEvent): Decision => (event.type === 'responseHeaders' ? block({ body: 'secret' }) : ALLOW),
    };
    const { client } = await rig(echo, agents);
    expect((await unary(client, 'one')).error).toMatchObject({ code: status.PERMISSION_DENIED, details: 'secret' });
  });

  test('and bodies, message by message', async () => {
    const seen: string[] = [];
    const agents = {
      waf: (event: ProxyEvent): Decision => {
        if (event.type === 'requestBodyChunk' || event.type === 'responseBodyChunk')
          seen.push(Buffer.from(event.data).toString('latin1'));
        return { ...ALLOW, needsMore: true };
      },
    };
    const { client } = await rig(echo, agents);
    await exchangeAll(client);
    expect(seen.join('')).toContain('one');
    expect(seen.join('')).toContain('got b');
  });
});

describe('errors', () => {
  test('of the server keep status, message and trailers', async () => {
    const { client } = await rig();
    const { error, last } = await unary(client, 'fail');
    expect(error).toMatchObject({ code: status.ABORTED, details: 'not today: ü' });
    expect(last.metadata.get('x-last')).toEqual(['trailer']);
  });

  test('a method that the server does not have is trailers only', async () => {
    const { client } = await rig();
    const call = client.makeUnaryRequest(
      '/test.Echo/Nothing',
      (value: Buffer) => value,
      (value: Buffer) => value,
      Buffer.from('x'),
      () => undefined,
    );
    const [last] = (await once(call, 'status')) as [StatusObject];
    expect(last.code).toBe(status.UNIMPLEMENTED);
  });

  test('no server: UNAVAILABLE', async () => {
    const { client } = await rig(echo, {}, {}, { targets: ['http://127.0.0.1:1'] });
    expect((await unary(client, 'one')).error).toMatchObject({ code: status.UNAVAILABLE });
  });

  test('an early end of the server while the client still uploads', async () => {
    const service = {
      ...echo,
      upload(call: ServerReadableStream<Bytes, Bytes>, callback: sendUnaryData<Bytes>) {
        call.once('data', () => callback({ code: status.OUT_OF_RANGE, details: 'enough' }));
      },
    };
    const { client, gateway, ended } = await rig(service);
    const over = Promise.withResolvers<Error | null>();
    const call = client.upload(new Metadata(), over.resolve);
    call.on('error', () => undefined);
    call.write(Buffer.alloc(10));
    expect(await over.promise).toMatchObject({ code: status.OUT_OF_RANGE, details: 'enough' });
    await ended(1);
    expect(gateway.stats.active).toBe(0);
  });
});

describe('ends', () => {
  test('a deadline and a cancellation reach the server', async () => {
    const cancelled: string[] = [];
    const both = Promise.withResolvers<void>();
    const deadlines: unknown[] = [];
    const service = {
      ...echo,
      unary(call: ServerUnaryCall<Bytes, Bytes>) {
        deadlines.push(call.getDeadline());
        call.on('cancelled', () => cancelled.push('unary'));
      },
      both(call: ServerDuplexStream<Bytes, Bytes>) {
        call.on('data', () => call.write(Buffer.from('on')));
        call.on('cancelled', () => {
          cancelled.push('both');
          both.resolve();
        });
      },
    };
    const { client, ended, summaries } = await rig(service);
    const { error } = await unary(client, 'one', 'mine', 300);
    expect(error).toMatchObject({ code: status.DEADLINE_EXCEEDED });
    expect(Number(deadlines[0])).toBeLessThan(Date.now() + 10_000);

    const call = client.both();
    call.on('error', () => undefined);
    call.write(Buffer.from('x'));
    await once(call, 'data');
    call.cancel();
    await both.promise;
    expect(cancelled).toContain('both');
    await ended(2);
    expect(summaries.map(({ outcome }) => outcome)).toEqual(['cancelled', 'cancelled']);
  });

  test('back-pressure: a client that reads nothing stops the server', async () => {
    let written = 0;
    const service = {
      ...echo,
      download(call: ServerWritableStream<Bytes, Bytes>) {
        const pump = (): void => {
          for (; written < 12 * 1024 ** 2;) {
            written += 65_536;
            if (call.write(Buffer.alloc(65_536))) continue;
            call.once('drain', pump);
            return;
          }
          call.end();
        };
        pump();
      },
    };
    const { client } = await rig(service);
    const call = client.download(Buffer.from('x'));
    call.on('error', () => undefined);
    await once(call, 'metadata');
    // other calls go on beside it
    for (let at = 0; at < 20; at++) expect(await unary(client, `n${at}`)).toMatchObject({ value: `got n${at}` });
    expect(written).toBeLessThan(6 * 1024 ** 2);
    let got = 0;
    call.on('data', (part: Buffer) => (got += part.length));
    await once(call, 'end');
    expect(got).toBe(12 * 1024 ** 2);
  });
});
