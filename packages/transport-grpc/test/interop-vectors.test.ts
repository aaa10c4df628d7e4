import { connect } from 'node:http2';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Message, Received } from '@agentwire/core';
import { Outbox } from '@agentwire/wire-codec';
import { describe, expect, test } from 'vitest';
import { messageOf } from '../../../tools/interop/src/vectors/message-of.ts';
import { CRATE_VERSIONS, loadVectors, type Vector } from '../../../tools/interop/src/vectors/vector.ts';
import { createCodec } from '../src/codec/codec.ts';
import { createGrpcTransport } from '../src/index.ts';
import { AgentControlSchema, ProxyControlSchema, ProxyToAgentSchema } from '../src/gen/zentinel/agent/v2/agent_pb.ts';
import { readHandshakeRequest, readHandshakeResponse } from '../src/handshake/hello-fields.ts';
import { AGENT, PROXY, Recorder } from './support/peers.ts';

const context = { isAgentwire: false, errors: false, nowMs: () => 1_768_473_000_123, configureId: () => 'made-up' };
const codecs = { proxy: createCodec('proxy', context), agent: createCodec('agent', context) };

/** Vectors with a value that we refuse on purpose. */
const REFUSED: ReadonlySet<string> = new Set([
  'RequestHeaders edges', // a NUL in a value
  'RequestComplete edges', // past 2^53
  'HealthStatus full',
  'MetricsReport full',
]);

interface Case {
  readonly title: string;
  readonly vector: Vector;
  readonly bytes: Buffer;
  readonly message: Message;
}

function casesOf(version: (typeof CRATE_VERSIONS)[number]): Case[] {
  return loadVectors(version).flatMap((vector) => {
    const message = messageOf(vector);
    if (vector.protobuf === undefined || message === undefined) return [];
    const title = `${vector.name} ${vector.variant}`;
    return [{ title, vector, bytes: Buffer.from(vector.protobuf, 'hex'), message }];
  });
}

/** Message as the crate's protobuf carries it: its clock replaces some times, and fields are missing. */
function carried(message: Message): object {
  switch (message.type) {
    case 'requestHeaders': {
      const { tlsCipher: _cipher, timestamp: _clock, ...metadata } = message.metadata;
      return { ...message, metadata };
    }
    case 'requestBodyChunk':
    case 'responseBodyChunk': {
      // proto3 does not send a 0
      const { bytesTransferred, ...rest } = message;
      return { ...rest, ...(bytesTransferred !== 0 && { bytesTransferred }) };
    }
    case 'requestComplete': {
      const { upstreamAttempts: _, ...rest } = message;
      return rest;
    }
    case 'webSocketFrame': {
      const { type, id, opcode, data, clientToServer } = message;
      return { type, id, opcode, data, clientToServer };
    }
    case 'guardrailInspect': {
      // the crate's content_type is 1 for both kinds of inspection
      const { type, id, content, model } = message;
      return { type, id, content, model };
    }
    case 'configure':
      return { ...message, id: 'made-up' };
    case 'answer': {
      const { verdict, requestHeaders, responseHeaders, audit, needsMore } = message.decision;
      return { ...message, decision: { verdict, requestHeaders, responseHeaders, audit, needsMore } };
    }
    case 'cancel':
    case 'ping':
    case 'pong':
    case 'flowControl':
      return { ...message, timestampMs: undefined };
    default:
      return message;
  }
}

function sortedHeaders(headers: readonly string[]): string[] {
  const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1] ?? ''] as const] : []));
  return lines.toSorted(([a], [b]) => (a < b ? -1 : Number(a > b))).flat();
}

/** A message for comparing: bytes as text, f32 as such, and without what says nothing. */
function comparable(message: object): Record<string, unknown> {
  const { headers } = message as { headers?: readonly string[] };
  const sorted = headers === undefined ? message : { ...message, headers: sortedHeaders(headers) };
  const text = JSON.stringify(sorted, (_key, value: unknown) => {
    // in JSON text a number inside of custom values is rounded
    if (typeof value === 'bigint') return Number(value);
    if (value instanceof Uint8Array) return { hex: Buffer.from(value).toString('hex') };
    if (typeof value === 'number' && !Number.isInteger(value)) return Math.fround(value);
    return value === null || value === false ? undefined : value;
  });
  return JSON.parse(text) as Record<string, unknown>;
}

describe.each(CRATE_VERSIONS)('protobuf of the crate %s', (version) => {
  test.each(casesOf(version))('$title is read', ({ title, vector, bytes, message }) => {
    const received = codecs[vector.from === 'proxy' ? 'agent' : 'proxy'].read(bytes, 0, bytes.length);
    if (REFUSED.has(title)) expect(received).toMatchObject({ type: 'malformed', of: message.type });
    else expect(comparable(received ?? {})).toMatchObject(comparable(carried(message)));
  });

  test.each(
    loadVectors(version).filter(({ name, protobuf }) => name.startsWith('Handshake') && protobuf !== undefined),
  )('$name $variant is read', ({ name, value, protobuf }) => {
    const bytes = Buffer.from(protobuf ?? '', 'hex');
    if (name === 'HandshakeRequest') {
      const { hello, isAgentwire } = readHandshakeRequest(bytes, undefined);
      expect({ name: hello.name, version: hello.version, isAgentwire }).toEqual({
        name: value['proxy_id'],
        version: value['proxy_version'],
        isAgentwire: false,
      });
      expect(hello.protocolVersions).toContain(2);
    } else if (value['success'] === true) {
      const capabilities = value['capabilities'] as { name: string; agent_id: string };
      expect(readHandshakeResponse(bytes, PROXY)).toMatchObject({
        isAgentwire: false,
        hello: { name: capabilities.name, capabilities: { agentId: capabilities.agent_id, streaming: true } },
      });
    } else {
      expect(() => readHandshakeResponse(bytes, PROXY)).toThrow('not this proxy');
    }
  });

  test('the control stream is read', () => {
    const find = (name: string): Buffer =>
      Buffer.from(loadVectors(version).find((vector) => vector.name === name)?.protobuf ?? '', 'hex');
    const of = (name: string): unknown => fromBinary(ProxyControlSchema, find(`ProxyControl.${name}`)).message;
    expect(of('configure')).toMatchObject({ case: 'configure', value: { configJson: '{}' } });
    expect(of('shutdown')).toMatchObject({ case: 'shutdown', value: { reason: 4, gracePeriodMs: 5000n } });
    expect(of('drain')).toMatchObject({ case: 'drain', value: { reason: 2, durationMs: 30_000n } });
    expect(of('config_response')).toMatchObject({ case: 'configResponse', value: { requestId: 'u-1', error: 'no' } });
    const log = fromBinary(AgentControlSchema, find('AgentControl.log')).message;
    expect(log).toMatchObject({ case: 'log', value: { level: 3, message: 'slow rule', fields: { rule: 'r-1' } } });
  });
});

/** Decisions that the crate's protobuf has no field for, of which only a bare allow would arrive. */
function isUncarried(message: Message): boolean {
  if (message.type !== 'answer' || message.decision.verdict.type !== 'allow') return false;
  const { requestBodyMutation, responseBodyMutation, webSocket, routingMetadata } = message.decision;
  const mutation = requestBodyMutation?.data ?? responseBodyMutation?.data;
  const frame = webSocket !== undefined && webSocket.type !== 'allow';
  return (
    frame || (mutation !== undefined && mutation !== null) || routingMetadata?.['guardrail_response'] !== undefined
  );
}

describe('what we write towards the crate 0.6.45', () => {
  test.each(casesOf('0.6.45').filter(({ title }) => !REFUSED.has(title)))(
    '$title is read as what it was',
    ({ vector, bytes, message }) => {
      const outbox = new Outbox({ write: () => undefined }, { onDrain: () => undefined });
      const writer = codecs[vector.from];
      const reader = codecs[vector.from === 'proxy' ? 'agent' : 'proxy'];
      if (isUncarried(message)) {
        expect(() => writer.write(message, outbox)).toThrow(
          expect.objectContaining({ code: 'ERR_UNSUPPORTED' }) as Error,
        );
        return;
      }
      const end = writer.write(message, outbox);
      const written = Buffer.from(outbox.bytes.subarray(5, end));
      const again = comparable(reader.read(written, 0, written.length) ?? {});
      expect(again).toMatchObject(comparable(carried(message)));
      // the first tag names the message: the same one as in the crate's bytes
      expect(written[0]).toBe(bytes[0]);
      const theirs = comparable((reader.read(bytes, 0, bytes.length) as Received | undefined) ?? {});
      expect(again['type']).toBe(theirs['type']);
    },
  );
});

test('a proxy on the crate may send messages of 5 MiB, although its own server takes 4', async () => {
  const agent = new Recorder();
  const listener = await createGrpcTransport().listen('grpc://127.0.0.1:0', {
    self: AGENT,
    onConnection: agent.attach,
  });
  const session = connect(listener.address.replace('grpc:', 'http:'));
  const stream = session.request({
    ':method': 'POST',
    ':path': '/zentinel.agent.v2.AgentServiceV2/ProcessStream',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.resume();
  const send = (bytes: Uint8Array): void => {
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(bytes.length, 1);
    stream.write(Buffer.concat([prefix, bytes]));
  };
  const handshake = loadVectors('0.6.45').find(
    ({ name, variant }) => name === 'HandshakeRequest' && variant === 'sent',
  );
  send(Buffer.from(handshake?.protobuf ?? '', 'hex'));
  const value = { correlationId: 'c-1', data: new Uint8Array(5 * 1024 * 1024), isLast: true };
  send(toBinary(ProxyToAgentSchema, create(ProxyToAgentSchema, { message: { case: 'requestBodyChunk', value } })));
  const [chunk] = await agent.received(1);
  expect(chunk).toMatchObject({ type: 'requestBodyChunk', id: 'c-1', last: true });
  expect(agent.connection?.peer.maxMessageBytes).toBe(4 * 1024 * 1024);
  session.destroy();
  await agent.ended();
  await listener.close();
});
