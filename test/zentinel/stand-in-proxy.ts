import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { type Agent, type AgentServer, defineAgent, type AgentDefinition, serveAgent } from '@agentwire/agent';
import { type Logger, parseEndpoint, systemClock } from '@agentwire/core';
import { silentLogger } from '@agentwire/core/internal';
import { createManualClock, type ManualClock } from '@agentwire/core/testing';
import { createGrpcTransport } from '@agentwire/transport-grpc';
import { createUdsTransport } from '@agentwire/transport-uds';
import { onTestFinished } from 'vitest';
import type { RawChannel } from '../../packages/conform/src/raw/channel.ts';
import { dialGrpc, type GrpcChannel } from '../../packages/conform/src/raw/grpc-channel.ts';
import type { RawMessage } from '../../packages/conform/src/raw/receive-queue.ts';
import { encodeProto, ProtoMessage } from '../../packages/conform/src/raw/protobuf.ts';
import { dialStream } from '../../packages/conform/src/raw/stream-channel.ts';

/** Carrier between the stand-in and the agent. */
export type Medium = 'uds' | 'grpc';

/** An answer as the released proxy reads it. */
export interface ProxyAnswer {
  readonly id: string;
  /** JSON of the answer over UDS; the fields' numbers over gRPC. */
  readonly fields: readonly string[];
  readonly verdict: string;
  readonly status: number | undefined;
  readonly tags: readonly string[];
  /** Bytes of the response body that the proxy sends on; over gRPC there is no field for them. */
  readonly responseBody: string | undefined;
}

/** Content of a body chunk event. */
export interface ChunkEvent {
  readonly data: string | Buffer;
  readonly last?: boolean;
  readonly total?: number;
}

const TIMESTAMP_MS = 1_735_689_600_000n;
const NANOSECONDS = '2025-01-01T00:00:00.123456789+00:00';
/** Safety net: no test waits so long unless something is broken. */
const TIMEOUT_MS = 5_000;
const json = (type: number, fields: object): RawMessage => ({ type, payload: Buffer.from(JSON.stringify(fields)) });
let events = 0;

/** One of the four connections of the stand-in. */
export class ProxyConnection {
  readonly medium: Medium;
  readonly channel: RawChannel;
  /** Types of all messages that arrived, in their order. */
  readonly types: number[] = [];

  constructor(medium: Medium, channel: RawChannel) {
    this.medium = medium;
    this.channel = channel;
    onTestFinished(() => channel.destroy());
  }

  /** Sends the handshake as the released proxy does and waits for the answer. */
  async handshake(proxyId = 'zentinel-proxy'): Promise<Record<string, unknown>> {
    const hello =
      this.medium === 'uds'
        ? json(0x01, {
            supported_versions: [2],
            proxy_id: proxyId,
            proxy_version: '0.6.45',
            config: null,
            supported_encodings: ['json'],
          })
        : {
            type: 1,
            payload: encodeProto({ 1: encodeVarints(2, 1), 2: proxyId, 3: '0.6.45', 4: '{}' }),
          };
    this.channel.send(hello);
    const { payload } = await this.message();
    if (this.medium === 'uds') return JSON.parse(payload.toString()) as Record<string, unknown>;
    const answer = new ProtoMessage(payload);
    const supported = answer.message(2)?.numberList(5);
    return { success: answer.number(3) === 1, capabilities: { supported_events: supported }, encoding: 'protobuf' };
  }

  /** The next message of any kind. */
  async message(): Promise<RawMessage> {
    const heard = await this.channel.next(TIMEOUT_MS);
    if (heard.kind !== 'message') throw new Error(heard.kind === 'ended' ? `ended: ${heard.reason}` : heard.kind);
    this.types.push(heard.type);
    return heard;
  }

  head(id: string, uri: string, more: { method?: string; headers?: Record<string, string[]> } = {}): void {
    const { method = 'GET', headers = { host: ['example.test'] } } = more;
    events += 1;
    const client = '203.0.113.9:52011';
    if (this.medium === 'uds') {
      const metadata = {
        correlation_id: id,
        request_id: `event-${events}`,
        client_ip: client,
        client_port: 0,
        server_name: null,
        protocol: 'HTTP/1.1',
        tls_version: null,
        tls_cipher: null,
        route_id: 'all',
        upstream_id: 'backend',
        timestamp: NANOSECONDS,
      };
      this.channel.send(json(0x10, { correlation_id: id, metadata, method, uri, headers }));
      return;
    }
    const metadata = encodeProto({ 1: id, 2: `event-${events}`, 3: client, 6: 'HTTP/1.1', 8: 'all', 10: TIMESTAMP_MS });
    const lines = Object.entries(headers).flatMap(([name, values]) =>
      values.map((value) => encodeProto({ 1: name, 2: value })),
    );
    const payload = encodeProto({ 1: metadata, 2: method, 3: uri, 4: 'HTTP/1.1', 5: lines });
    this.channel.send({ type: 2, payload });
  }

  requestChunk(id: string, chunk: ChunkEvent): void {
    this.#chunk(this.medium === 'uds' ? 0x11 : 3, id, chunk, 'bytes_received');
  }

  responseHeaders(id: string, status = 200, headers: Record<string, string[]> = {}): void {
    if (this.medium === 'uds') this.channel.send(json(0x12, { correlation_id: id, status, headers }));
    else this.channel.send({ type: 4, payload: encodeProto({ 1: id, 2: status }) });
  }

  responseChunk(id: string, chunk: ChunkEvent): void {
    this.#chunk(this.medium === 'uds' ? 0x13 : 5, id, chunk, 'bytes_sent');
  }

  #chunk(type: number, id: string, { data, last = true, total }: ChunkEvent, counter: string): void {
    const bytes = Buffer.from(data);
    const size = total ?? (last ? bytes.length : undefined);
    if (this.medium === 'grpc') {
      const fields = { 1: id, 3: bytes, 4: last, 5: size, 6: bytes.length, 8: TIMESTAMP_MS };
      this.channel.send({ type, payload: encodeProto(fields) });
      return;
    }
    this.channel.send(
      json(type, {
        correlation_id: id,
        data: bytes.toString('base64'),
        is_last: last,
        total_size: size ?? null,
        chunk_index: 0,
        [counter]: bytes.length,
      }),
    );
  }

  ping(sequence: number): void {
    if (this.medium === 'uds') this.channel.send(json(0x41, { sequence, timestamp_ms: 1 }));
    else this.channel.send({ type: 11, payload: encodeProto({ 1: sequence, 2: 1 }) });
  }

  /** Resolves when everything sent so far has reached the agent, whatever its handlers do. */
  async reached(): Promise<void> {
    this.ping(1);
    const pong = this.medium === 'uds' ? 0x42 : 7;
    const { type } = await this.message();
    if (type !== pong) throw new Error(`type ${type} came instead of a pong`);
  }

  /** The next answer; reports, which the released proxy ignores, are passed over. */
  async answer(): Promise<ProxyAnswer> {
    for (;;) {
      const { type, payload } = await this.message();
      if (this.medium === 'uds' && type === 0x20) return readJson(payload);
      if (this.medium === 'grpc' && type === 2) return readProto(payload);
    }
  }

  /** Asks something new and gives its answer: whatever was to come before it has come. */
  async probe(): Promise<ProxyAnswer> {
    events += 1;
    this.head(`probe-${events}`, '/probe');
    return this.answer();
  }
}

function encodeVarints(...values: readonly number[]): Buffer {
  return Buffer.from(values);
}

function readJson(payload: Buffer): ProxyAnswer {
  const answer = JSON.parse(payload.toString()) as {
    version: number;
    decision: 'allow' | Record<string, { status?: number }>;
    audit: { tags: string[]; custom: Record<string, string> };
    response_body_mutation?: { data: string | null } | null;
  };
  const [verdict, body] =
    answer.decision === 'allow' ? ['allow', {}] : (Object.entries(answer.decision)[0] ?? ['', {}]);
  const data = answer.response_body_mutation?.data;
  return {
    id: answer.audit.custom['correlation_id'] ?? '',
    fields: Object.keys(answer),
    verdict,
    status: body.status,
    tags: answer.audit.tags,
    responseBody: typeof data === 'string' ? Buffer.from(data, 'base64').toString() : undefined,
  };
}

function readProto(payload: Buffer): ProxyAnswer {
  const answer = new ProtoMessage(payload);
  const verdicts = ['allow', 'block', 'redirect', 'challenge'];
  const number = [2, 3, 4, 5].find((one) => answer.has(one)) ?? 0;
  const status = number === 3 ? answer.message(3)?.number(1) : undefined;
  return {
    id: answer.text(1) ?? '',
    fields: answer.numbers.map(String),
    verdict: verdicts[number - 2] ?? 'none',
    status,
    tags: (answer.message(12)?.all(1) ?? []).map(String),
    responseBody: undefined,
  };
}

/** An agent that is being served, and what the stand-in needs to reach it. */
export interface Served {
  readonly server: AgentServer;
  readonly clock: ManualClock;
  /** Warnings that were logged, by the quirk they name. */
  readonly quirks: unknown[];
  /** Dials without a word. */
  readonly dial: () => Promise<ProxyConnection>;
  /** Dials and does the handshake. */
  readonly connect: (proxyId?: string) => Promise<ProxyConnection>;
}

/** Serves an agent with a clock that stands still, until the test is over. */
export async function serve<State>(
  medium: Medium,
  definition: Partial<AgentDefinition<State>>,
  options: { challengeFallback?: 'none' | 'block' } = {},
): Promise<Served> {
  const clock = createManualClock();
  const folder = mkdtempSync(`${tmpdir()}/aw-z-`);
  const quirks: unknown[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (fields) => void (fields['quirk'] !== undefined && quirks.push(fields['quirk'])),
  };
  const agent: Agent<State> = defineAgent<State>({ name: 'test-agent', version: '1', ...definition });
  const server = await serveAgent(agent, {
    transports: [createUdsTransport({ clock, logger }), createGrpcTransport({ clock, logger })],
    listen: [medium === 'uds' ? `unix:${folder}/a.sock` : 'grpc://127.0.0.1:0'],
    clock,
    logger,
    ...options,
  });
  onTestFinished(async () => {
    const closing = { over: false };
    const closed = server.close().then(() => (closing.over = true));
    // a proxy that knows no drain is waited for, on a clock that only the test moves
    while (!closing.over) {
      clock.advance(250);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await closed;
    rmSync(folder, { recursive: true, force: true });
  });
  const endpoint = parseEndpoint(server.endpoints[0] ?? '');
  const dial = async (): Promise<ProxyConnection> => {
    const channel =
      medium === 'uds'
        ? await dialStream(endpoint, systemClock, TIMEOUT_MS)
        : await dialGrpc(endpoint, systemClock, TIMEOUT_MS);
    return new ProxyConnection(medium, channel);
  };
  const connect = async (proxyId?: string): Promise<ProxyConnection> => {
    const connection = await dial();
    await connection.handshake(proxyId);
    return connection;
  };
  return { server, clock, quirks, dial, connect };
}

/** HTTP status of the response headers on a connection that has not sent a message. */
export function responseStatus(connection: ProxyConnection): Promise<number | undefined> {
  return (connection.channel as GrpcChannel).responded;
}

/** The four connections of the released proxy. */
export async function connectFour(served: Served): Promise<[first: ProxyConnection, ...more: ProxyConnection[]]> {
  const first = await served.connect();
  return [first, await served.connect(), await served.connect(), await served.connect()];
}
