import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import {
  AgentwireError,
  type CloseReason,
  type Hello,
  type OnConnection,
  parseEndpoint,
  type Received,
  systemClock,
} from '@agentwire/core';
import { silentLogger } from '@agentwire/core/internal';
import { createUdsTransport } from '@agentwire/transport-uds';
import { describe, expect, onTestFinished, test } from 'vitest';
import { dialStream, frameOf, lengthField, type StreamChannel } from '../../packages/conform/src/raw/stream-channel.ts';

const agentHello: Hello = {
  role: 'agent',
  name: 'test-agent',
  version: '1',
  features: ['streaming', 'cancellation', 'health', 'lifecycle'],
  encodings: ['json', 'msgpack'],
};
const proxyHello: Hello = { ...agentHello, role: 'proxy', name: 'test-proxy' };

const json = (type: number, fields: object): Buffer => frameOf({ type, payload: Buffer.from(JSON.stringify(fields)) });
const documentedHello = (version = 2): Buffer => json(0x01, { protocol_version: version, client_name: 'p' });
const zentinelHello = (versions = [2]): Buffer =>
  json(0x01, { supported_versions: versions, proxy_id: 'p', proxy_version: '0', config: null });

function folder(): string {
  const path = mkdtempSync(`${tmpdir()}/aw-w-`);
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Events of this side. */
class Notes {
  readonly messages: Received[] = [];
  readonly closed: Promise<CloseReason>;
  #close!: (reason: CloseReason) => void;

  constructor() {
    this.closed = new Promise((resolve) => (this.#close = resolve));
  }

  readonly onConnection: OnConnection = () => ({
    onMessage: (message) => void this.messages.push(message),
    onClose: (reason) => this.#close(reason),
  });
}

interface Listening {
  readonly notes: Notes;
  /** Errors of refused peers, as they were logged. */
  readonly refused: unknown[];
  readonly dial: () => Promise<StreamChannel>;
}

/** An agent of ours that listens. */
async function listen(): Promise<Listening> {
  const notes = new Notes();
  const refused: unknown[] = [];
  const logger = { ...silentLogger, warn: (fields: object, text: string) => void refused.push([fields, text]) };
  const address = `unix:${folder()}/a.sock`;
  const transport = createUdsTransport({ logger });
  const listener = await transport.listen(address, { self: agentHello, onConnection: notes.onConnection });
  onTestFinished(() => listener.close());
  const dial = async (): Promise<StreamChannel> => {
    const channel = await dialStream(parseEndpoint(address), systemClock, 5_000);
    onTestFinished(() => channel.destroy());
    return channel;
  };
  return { notes, refused, dial };
}

async function open(hello: Buffer): Promise<Listening & { readonly channel: StreamChannel }> {
  const at = await listen();
  const channel = await at.dial();
  channel.sendBytes(hello);
  expect(await channel.next(5_000)).toMatchObject({ kind: 'message', type: 0x02 });
  return { ...at, channel };
}

describe('an agent of ours, on the first frame of', () => {
  test.each([
    ['version 1 in the documented shape', documentedHello(1), 'unsupported protocol version 1, this agent speaks 2'],
    ['version 3 in the documented shape', documentedHello(3), 'unsupported protocol version 3, this agent speaks 2'],
    ['versions 1 and 3 in the zentinel shape', zentinelHello([1, 3]), 'unsupported protocol version 1, 3'],
    ['no version in the zentinel shape', zentinelHello([]), 'unsupported protocol version none'],
    ['no version in the documented shape', json(0x01, { client_name: 'p' }), 'protocol_version is missing'],
    ['a handshake of neither dialect', json(0x01, { hello: 1 }), 'neither client_name nor supported_versions'],
  ])('%s refuses and names what it saw', async (_, hello, words) => {
    const { notes, dial } = await listen();
    const channel = await dial();
    channel.sendBytes(hello);
    const heard = await channel.next(5_000);
    const reply = JSON.parse(heard.kind === 'message' ? heard.payload.toString() : '{}') as Record<string, unknown>;
    expect([reply['success'], reply['error']]).toEqual([false, expect.stringContaining(words)]);
    expect(notes.messages).toEqual([]);
  });

  test('version 1, without any type byte, is dropped with ERR_VERSION_MISMATCH', async () => {
    const { refused, dial } = await listen();
    const channel = await dial();
    const text = Buffer.from('{"version":1,"event_type":"request_headers","payload":{}}');
    channel.sendBytes(Buffer.concat([lengthField(text.length), text]));
    expect(await channel.next(5_000)).toMatchObject({ kind: 'ended' });
    expect(refused).toEqual([
      [expect.objectContaining({ code: 'ERR_VERSION_MISMATCH' }), expect.stringContaining('version 1')],
    ]);
  });
});

const cancel = { request_id: 1, reason: 'x' };
const zentinelCancel = { correlation_id: 'c', reason: 0, timestamp_ms: 1 };
const health = { agent_id: 'a', state: 1, timestamp_ms: 1 };
const ping = { sequence: 1, timestamp_ms: 1 };

describe('an agent of ours, in the middle of a connection', () => {
  test.each([
    ['documented', '0x40, Cancel of the other dialect', json(0x40, zentinelCancel), /healthStatus \(type 0x40\)/],
    ['documented', '0x41, Ping of the other dialect', json(0x41, ping), /metricsReport \(type 0x41\)/],
    ['documented', '0x42, Pong of the other dialect', json(0x42, ping), /0x42/],
    ['documented', '0x32, which only the other dialect has', json(0x32, health), /0x32.*zentinel dialect/],
    ['zentinel', '0x30, CancelRequest of the other dialect', json(0x30, cancel), /healthStatus \(type 0x30\)/],
    ['zentinel', '0x31, CancelAll of the other dialect', json(0x31, {}), /metricsReport \(type 0x31\)/],
    ['zentinel', '0xf0, Ping of the other dialect', json(0xf0, ping), /0xf0 is ping of the documented dialect/],
    ['zentinel', '0x44, Drain of the other dialect', json(0x44, { kind: 'drain' }), /0x44.*documented dialect/],
    ['documented', 'the other handshake', zentinelHello(), /handshake request \(type 0x01\) came after/],
    ['zentinel', 'the other handshake', documentedHello(), /handshake request \(type 0x01\) came after/],
  ])('%s: %s ends it with ERR_PROTOCOL, named', async (dialect, _, bytes, words) => {
    const { notes, channel } = await open(dialect === 'documented' ? documentedHello() : zentinelHello());
    channel.sendBytes(bytes);
    const { by, error } = await notes.closed;
    expect(error).toBeInstanceOf(AgentwireError);
    expect([by, error?.code, error?.message]).toEqual(['local', 'ERR_PROTOCOL', expect.stringMatching(words)]);
    expect(notes.messages).toEqual([]);
  });

  test.each([
    ['documented', { correlation_id: 'c', metadata: {}, method: 'GET', uri: '/', headers: {} }],
    ['zentinel', { request_id: 1, metadata: {}, method: 'GET', uri: '/', headers: [], has_body: false }],
  ])('%s: a head with the content of the other dialect is not read as one', async (dialect, fields) => {
    const { notes, channel } = await open(dialect === 'documented' ? documentedHello() : zentinelHello());
    // 16 messages in a row whose id cannot be read end the connection
    for (let turn = 0; turn < 16; turn += 1) channel.sendBytes(json(0x10, fields));
    const { error } = await notes.closed;
    expect(error?.code).toBe('ERR_PROTOCOL');
    expect(notes.messages.filter(({ type }) => type === 'requestHeaders')).toEqual([]);
  });
});

/** An agent that answers the handshake with `reply`, then sends `then`. */
async function agentThatSays(reply: Buffer, then: Buffer): Promise<string> {
  const path = `${folder()}/a.sock`;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.write(Buffer.concat([reply, then])));
    onTestFinished(() => void socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => void server.close());
  return `unix:${path}`;
}

const documentedReply = json(0x02, {
  protocol_version: 2,
  agent_name: 'a',
  capabilities: { handles_request_headers: true },
  encoding: 'json',
});
const zentinelReply = json(0x02, {
  protocol_version: 2,
  success: true,
  error: null,
  encoding: 'json',
  capabilities: {
    agent_id: 'a',
    name: 'a',
    version: '1',
    supported_events: [1],
    features: {
      streaming_body: false,
      websocket: false,
      guardrails: false,
      config_push: false,
      metrics_export: true,
      concurrent_requests: 1,
      cancellation: true,
      flow_control: false,
      health_reporting: true,
    },
    limits: { max_body_size: 1, max_concurrency: 1, preferred_chunk_size: 1 },
  },
});

describe('a proxy of ours, in the middle of a connection', () => {
  test.each([
    [
      'documented',
      '0x30, HealthStatus of the other dialect',
      documentedReply,
      json(0x30, health),
      /cancel \(type 0x30\)/,
    ],
    ['documented', '0x31, MetricsReport of the other dialect', documentedReply, json(0x31, {}), /0x31/],
    ['documented', '0x33, FlowControl of the other dialect', documentedReply, json(0x33, {}), /0x33.*zentinel/],
    ['zentinel', '0x40, HealthStatus of the other dialect', zentinelReply, json(0x40, health), /cancel \(type 0x40\)/],
    ['zentinel', '0x21, BodyMutation of the other dialect', zentinelReply, json(0x21, {}), /0x21.*documented/],
    ['zentinel', '0xf1, Pong of the other dialect', zentinelReply, json(0xf1, ping), /0xf1.*documented/],
  ])('%s: %s ends it with ERR_PROTOCOL, named', async (_, __, reply, then, words) => {
    const notes = new Notes();
    const address = await agentThatSays(reply, then);
    await createUdsTransport().connect(address, { self: proxyHello, onConnection: notes.onConnection });
    const { error } = await notes.closed;
    expect([error?.code, error?.message]).toEqual(['ERR_PROTOCOL', expect.stringMatching(words)]);
    expect(notes.messages).toEqual([]);
  });

  test.each([
    ['version 3', json(0x02, { protocol_version: 3, agent_name: 'a', capabilities: {} }), 'ERR_VERSION_MISMATCH', /3/],
    [
      'version 1, as JSON without a type',
      Buffer.concat([lengthField(13), Buffer.from('{"version":1}')]),
      'ERR_VERSION_MISMATCH',
      /1/,
    ],
    ['no version', json(0x02, { agent_name: 'a', capabilities: {} }), 'ERR_PROTOCOL', /protocol_version/],
    ['neither dialect', json(0x02, { protocol_version: 2 }), 'ERR_PROTOCOL', /agent_name, accepted and success/],
    ['an event in place of the answer', json(0x10, {}), 'ERR_PROTOCOL', /0x10/],
  ])('a reply of %s fails connect', async (_, reply, code, words) => {
    const address = await agentThatSays(reply, Buffer.alloc(0));
    const connecting = createUdsTransport().connect(address, {
      self: proxyHello,
      onConnection: new Notes().onConnection,
    });
    await expect(connecting).rejects.toMatchObject({ code, message: expect.stringMatching(words) });
  });

  test('a reply in the other dialect than the one asked for fails connect, and names both', async () => {
    const transport = createUdsTransport({ dialect: 'zentinel' });
    const address = await agentThatSays(documentedReply, Buffer.alloc(0));
    const connecting = transport.connect(address, { self: proxyHello, onConnection: new Notes().onConnection });
    await expect(connecting).rejects.toMatchObject({
      code: 'ERR_PROTOCOL',
      message: expect.stringMatching(/zentinel.*documented/),
    });
  });
});
