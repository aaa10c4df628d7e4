import { negotiate, AgentwireError, type Capabilities, EVENT_TYPES, type Hello } from '@agentwire/core';
import { readCapabilities, writeCapabilities } from '../src/handshake/capabilities.ts';
import {
  ANSWER_FRAME,
  checkFirstFrame,
  isVersionOneFrame,
  OPENING_FRAME,
  readHandshakeReply,
  readHandshakeRequest,
  streamMedium,
  writeHandshakeRefusal,
  writeHandshakeReply,
  writeHandshakeRequest,
} from '@agentwire/wire-codec/internal';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const proxy: Hello = {
  role: 'proxy',
  name: 'edge',
  version: '1.0.0',
  features: ['streaming', 'health'],
  encodings: ['msgpack', 'json'],
};
const capabilities: Capabilities = {
  agentId: 'waf',
  events: ['requestHeaders', 'responseBodyChunk', 'webSocketFrame'],
  streaming: true,
  cancellation: false,
  flowControl: true,
  healthReporting: true,
  metricsExport: false,
  configPush: true,
  maxConcurrentRequests: 12,
  maxBodyBytes: 1000,
  preferredChunkBytes: 4096,
};
const agent: Hello = {
  role: 'agent',
  name: 'waf',
  version: '2.0.0',
  features: ['health', 'streaming', 'log'],
  encodings: ['json', 'msgpack'],
  capabilities,
};

const fields = (payload: Uint8Array): Record<string, unknown> =>
  JSON.parse(Buffer.from(payload).toString()) as Record<string, unknown>;
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    return error instanceof AgentwireError ? error.code : String(error);
  }
  return undefined;
}

/** First frames of other programs. */
const ZENTINEL =
  '0000007d017b22737570706f727465645f76657273696f6e73223a5b325d2c2270726f78795f6964223a227a656e74696e656c2d70726f7879222c2270726f78795f76657273696f6e223a22302e362e3230222c22636f6e666967223a6e756c6c2c22737570706f727465645f656e636f64696e6773223a5b226a736f6e225d7d';
const DOCUMENTED =
  '00000059017b2270726f746f636f6c5f76657273696f6e223a322c22636c69656e745f6e616d65223a227a656e74696e656c2d70726f7879222c22737570706f727465645f6665617475726573223a5b2273747265616d696e67225d7d';

describe('requests', () => {
  test('the first frame of the released proxy is a zentinel request', () => {
    const frame = Buffer.from(ZENTINEL, 'hex');
    expect([frame.readUInt32BE(0), frame[4]]).toEqual([frame.length - 4, OPENING_FRAME]);
    const { shape, dialect, hello } = readHandshakeRequest(frame.subarray(5));
    expect([shape, dialect]).toEqual(['zentinel', 'zentinel']);
    expect(hello).toMatchObject({
      name: 'zentinel-proxy',
      version: '0.6.20',
      protocolVersions: [2],
      encodings: ['json'],
      features: [],
    });
  });

  test('the first frame of the documents is a documented request, without encodings: json', () => {
    const frame = Buffer.from(DOCUMENTED, 'hex');
    expect([frame.readUInt32BE(0), frame[4]]).toEqual([frame.length - 4, OPENING_FRAME]);
    const { shape, dialect, hello } = readHandshakeRequest(frame.subarray(5));
    expect([shape, dialect]).toEqual(['documented', 'documented']);
    expect(hello).toMatchObject({
      name: 'zentinel-proxy',
      protocolVersions: [2],
      features: ['streaming'],
      encodings: ['json'],
    });
  });

  test.each(['union', 'documented', 'zentinel'] as const)('a %s request is read back', (shape) => {
    const request = readHandshakeRequest(writeHandshakeRequest(shape, proxy));
    expect([request.shape, request.dialect]).toEqual([shape, shape === 'zentinel' ? 'zentinel' : 'documented']);
    expect(request.hello).toMatchObject({
      role: 'proxy',
      name: 'edge',
      encodings: ['msgpack', 'json'],
      protocolVersions: [2],
    });
  });

  test('a single shape has no field of the other', () => {
    const documented = Object.keys(fields(writeHandshakeRequest('documented', proxy)));
    const zentinel = Object.keys(fields(writeHandshakeRequest('zentinel', proxy)));
    expect(documented).toEqual(['protocol_version', 'client_name', 'supported_features', 'supported_encodings']);
    expect(zentinel).toEqual(['supported_versions', 'proxy_id', 'proxy_version', 'config', 'supported_encodings']);
  });

  test('only json and msgpack are written', () => {
    const odd = { ...proxy, encodings: ['cbor', 'msgpack', 'msgpack'] };
    expect(fields(writeHandshakeRequest('union', odd))['supported_encodings']).toEqual(['msgpack']);
    expect(fields(writeHandshakeRequest('union', { ...proxy, encodings: [] }))['supported_encodings']).toEqual([
      'json',
    ]);
  });

  test('unknown values of an offer are skipped', () => {
    const { hello } = readHandshakeRequest(
      bytes({ protocol_version: 2, client_name: 'x', supported_encodings: ['cbor', 'json'] }),
    );
    expect(hello.encodings).toEqual(['json']);
  });

  test.each([
    ['not JSON', Buffer.from('{"protocol_version":')],
    ['not UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ['an array', bytes([])],
    ['null', bytes(null)],
    ['nothing known', bytes({ protocol_version: 2 })],
    ['a registration', bytes({ protocol_version: 2, agent_id: 'a', capabilities: {} })],
    ['no version', bytes({ client_name: 'x' })],
    ['an empty name', bytes({ protocol_version: 2, client_name: '' })],
    ['a name that is a number', bytes({ protocol_version: 2, client_name: 5 })],
    ['a name without an end', bytes({ protocol_version: 2, client_name: 'x'.repeat(2000) })],
    ['a version that is text', bytes({ protocol_version: '2', client_name: 'x' })],
    ['half a version', bytes({ protocol_version: 2.5, client_name: 'x' })],
    ['features that are no list', bytes({ protocol_version: 2, client_name: 'x', supported_features: 'streaming' })],
    ['features that are numbers', bytes({ protocol_version: 2, client_name: 'x', supported_features: [1] })],
    ['versions that are text', bytes({ supported_versions: ['2'], proxy_id: 'x' })],
    ['no proxy_id', bytes({ supported_versions: [2] })],
  ])('%s is a protocol error', (_, payload) => {
    expect(codeOf(() => readHandshakeRequest(payload))).toBe('ERR_PROTOCOL');
  });

  test('an error never quotes the payload', () => {
    try {
      readHandshakeRequest(Buffer.from('{"auth_token":"sesame" oops'));
      expect.unreachable();
    } catch (error) {
      expect(`${String(error)}${String((error as Error).cause)}`).not.toContain('sesame');
    }
  });

  test('any JSON is a request or a typed error', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect([undefined, 'ERR_PROTOCOL']).toContain(codeOf(() => readHandshakeRequest(bytes(value))));
      }),
    );
  });
});

describe('first frames', () => {
  test('version 1 is named', () => {
    expect(isVersionOneFrame(0x7b)).toBe(true);
    expect(() => checkFirstFrame(0x7b, OPENING_FRAME)).toThrow(
      expect.objectContaining({
        code: 'ERR_VERSION_MISMATCH',
        message: 'unsupported protocol version 1, this side speaks 2',
      }) as Error,
    );
  });

  test('anything else is a protocol error that names the type', () => {
    expect(() => checkFirstFrame(0x20, ANSWER_FRAME)).toThrow(/0x20.*0x02/);
    expect(codeOf(() => checkFirstFrame(ANSWER_FRAME, OPENING_FRAME))).toBe('ERR_PROTOCOL');
    expect(codeOf(() => checkFirstFrame(OPENING_FRAME, OPENING_FRAME))).toBeUndefined();
  });
});

describe('replies', () => {
  test('each shape has its fields', () => {
    const keys = (shape: 'documented' | 'zentinel' | 'union'): string[] =>
      Object.keys(fields(writeHandshakeReply(shape, agent, 'json')));
    expect(keys('documented')).toEqual([
      'protocol_version',
      'agent_name',
      'capabilities',
      'supported_features',
      'encoding',
    ]);
    expect(keys('zentinel')).toEqual(['protocol_version', 'success', 'error', 'capabilities', 'encoding']);
    expect(keys('union').toSorted()).toEqual(
      [
        'protocol_version',
        'success',
        'accepted',
        'error',
        'agent_name',
        'capabilities',
        'supported_features',
        'encoding',
      ].toSorted(),
    );
  });

  test.each(['union', 'documented', 'zentinel'] as const)('a %s reply is read back', (shape) => {
    const { dialect, hello } = readHandshakeReply(writeHandshakeReply(shape, agent, 'msgpack'), shape, proxy);
    expect(dialect).toBe(shape === 'zentinel' ? 'zentinel' : 'documented');
    expect(hello).toMatchObject({ role: 'agent', name: 'waf', encodings: ['msgpack'], protocolVersions: [2] });
    expect(hello.features).toEqual(shape === 'zentinel' ? [] : agent.features);
  });

  test('after a union request the format of the reply tells the dialect', () => {
    const documented = bytes({ protocol_version: 2, agent_name: 'a', capabilities: { handles_request_headers: true } });
    const zentinel = bytes({
      protocol_version: 2,
      success: true,
      error: null,
      capabilities: { name: 'b' },
      encoding: 'json',
    });
    expect(readHandshakeReply(documented, 'union', proxy)).toMatchObject({
      dialect: 'documented',
      hello: { features: [], encodings: ['json'] },
    });
    expect(readHandshakeReply(zentinel, 'union', proxy)).toMatchObject({ dialect: 'zentinel', hello: { name: 'b' } });
    expect(codeOf(() => readHandshakeReply(zentinel, 'documented', proxy))).toBe('ERR_PROTOCOL');
    expect(codeOf(() => readHandshakeReply(documented, 'zentinel', proxy))).toBe('ERR_PROTOCOL');
  });

  test.each([
    ['an encoding that was not offered', { protocol_version: 2, agent_name: 'a', encoding: 'cbor' }],
    ['nothing known', { protocol_version: 2, capabilities: {} }],
    ['no version', { agent_name: 'a' }],
    ['success that is text', { protocol_version: 2, success: 'yes' }],
    ['capabilities that are a list', { protocol_version: 2, agent_name: 'a', capabilities: [] }],
    ['a flag that is text', { protocol_version: 2, agent_name: 'a', capabilities: { handles_request_headers: 'yes' } }],
    [
      'a count below 0',
      {
        protocol_version: 2,
        agent_name: 'a',
        capabilities: { handles_request_headers: true, max_concurrent_requests: -1 },
      },
    ],
  ])('%s is a protocol error', (_, value) => {
    expect(codeOf(() => readHandshakeReply(bytes(value), 'union', proxy))).toBe('ERR_PROTOCOL');
  });

  test('the encoding is chosen by the proxy’s order', () => {
    const request = readHandshakeRequest(writeHandshakeRequest('union', proxy));
    const atAgent = negotiate(agent, request.hello, streamMedium(request.dialect, agent, request.hello));
    const reply = readHandshakeReply(writeHandshakeReply(request.shape, agent, atAgent.encoding), 'union', proxy);
    const atProxy = negotiate(proxy, reply.hello, streamMedium(reply.dialect, proxy, reply.hello));
    expect([atAgent.encoding, atProxy.encoding]).toEqual(['msgpack', 'msgpack']);
    expect([atAgent.features, atProxy.features]).toEqual([
      ['streaming', 'health'],
      ['health', 'streaming'],
    ]);
  });
});

describe('refusals', () => {
  const mismatch = (): AgentwireError => {
    const request = readHandshakeRequest(bytes({ protocol_version: 3, client_name: 'x' }));
    try {
      negotiate(agent, request.hello, streamMedium('documented', agent, request.hello));
    } catch (error) {
      return error as AgentwireError;
    }
    return expect.unreachable();
  };

  test('an unsupported version is refused with the text of the protocol', () => {
    const refusal = writeHandshakeRefusal('documented', agent, mismatch());
    expect(fields(refusal)).toMatchObject({
      success: false,
      accepted: false,
      error: 'unsupported protocol version 3, this agent speaks 2',
    });
    expect(codeOf(() => readHandshakeReply(refusal, 'documented', proxy))).toBe('ERR_VERSION_MISMATCH');
  });

  test('the text alone is understood too', () => {
    const refusal = bytes({ success: false, error: 'unsupported protocol version 2, this agent speaks 3' });
    expect(codeOf(() => readHandshakeReply(refusal, 'union', proxy))).toBe('ERR_VERSION_MISMATCH');
  });

  test('a reason arrives, with the code where both sides know it', () => {
    const full = new AgentwireError('ERR_OVERLOADED', 'all connections are taken');
    expect(() => readHandshakeReply(writeHandshakeRefusal('union', agent, full), 'union', proxy)).toThrow(
      expect.objectContaining({
        code: 'ERR_OVERLOADED',
        retryable: true,
        message: 'refused by the other side: all connections are taken',
      }) as Error,
    );
    const odd = bytes({ success: false, error: 'no', error_code: 'ERR_WHATEVER' });
    expect(codeOf(() => readHandshakeReply(odd, 'union', proxy))).toBe('ERR_REFUSED');
    expect(codeOf(() => readHandshakeReply(bytes({ accepted: false }), 'union', proxy))).toBe('ERR_REFUSED');
  });

  test('a refusal in the zentinel shape has every field that its reader needs', () => {
    const refusal = fields(writeHandshakeRefusal('zentinel', agent, new AgentwireError('ERR_REFUSED', 'no')));
    expect(refusal).toMatchObject({
      protocol_version: 2,
      success: false,
      error: 'no',
      encoding: 'json',
      capabilities: { agent_id: 'waf' },
    });
  });
});

describe('capabilities', () => {
  test('the documented shape', () => {
    expect(writeCapabilities('documented', agent)).toEqual({
      handles_request_headers: true,
      handles_request_body: false,
      handles_response_headers: false,
      handles_response_body: true,
      supports_streaming: true,
      supports_cancellation: false,
      max_concurrent_requests: 12,
      supported_events: [1, 4, 6],
    });
  });

  test('the zentinel shape has every field', () => {
    expect(writeCapabilities('zentinel', { ...agent, capabilities: undefined })).toEqual({
      agent_id: 'waf',
      name: 'waf',
      version: '2.0.0',
      supported_events: [1, 2, 3, 4, 5, 6, 7],
      features: {
        streaming_body: false,
        websocket: true,
        guardrails: true,
        config_push: false,
        metrics_export: false,
        concurrent_requests: 4_294_967_295,
        cancellation: false,
        flow_control: false,
        health_reporting: false,
      },
      limits: { max_body_size: Number.MAX_SAFE_INTEGER, max_concurrency: 4_294_967_295, preferred_chunk_size: 65_536 },
    });
  });

  test.each(['zentinel', 'union'] as const)('the %s shape loses nothing', (shape) => {
    expect(readCapabilities(writeCapabilities(shape, agent), agent.features)).toEqual(capabilities);
  });

  test('the documented shape takes fields that it lacks from the features', () => {
    const { agentId: _, maxBodyBytes: _body, preferredChunkBytes: _chunk, ...rest } = capabilities;
    const features = ['health', 'flow_control', 'config_push'];
    expect(readCapabilities(writeCapabilities('documented', agent), features)).toEqual(rest);
    const plain = readCapabilities({ handles_request_headers: true }, ['websocket']);
    expect(plain.events).toEqual(['requestHeaders', 'webSocketFrame']);
  });

  test('values that mean no limit are no limit', () => {
    const read = readCapabilities({ limits: { max_body_size: 2 ** 64, max_concurrency: 0 } }, []);
    expect([read.maxBodyBytes, read.maxConcurrentRequests]).toEqual([undefined, undefined]);
  });

  test.each([
    ['capabilities that are absent', undefined],
    ['{}', {}],
    ['only supports_streaming', { supports_streaming: true }],
    ['no supported_events', { agent_id: 'a', name: 'a', version: '1', features: {}, limits: {} }],
    ['an empty list', { supported_events: [] }],
    ['an empty list beside flags that are all false', { handles_request_headers: false, supported_events: [] }],
    ['unknown numbers', { supported_events: [99] }],
  ])('%s name no events, so every event is asked', (_, value) => {
    // features describe a peer's software, and imply no events alone
    const features = 'handles_request_headers' in (value ?? {}) ? [] : ['request_complete'];
    expect(readCapabilities(value, features).events).toEqual(EVENT_TYPES);
  });

  test('one flag makes the documented shape', () => {
    expect(readCapabilities({ handles_request_body: true }, []).events).toEqual(['requestBodyChunk']);
    expect(readCapabilities({ supports_streaming: true, supported_events: [3] }, []).events).toEqual([
      'responseHeaders',
    ]);
  });

  test('an agent that only takes configuration gets no other event', () => {
    const only = { ...agent, capabilities: { ...capabilities, events: ['configure' as const] } };
    expect(readCapabilities(writeCapabilities('union', only), ['config_push']).events).toEqual(['configure']);
  });

  test('unknown event numbers are skipped', () => {
    expect(readCapabilities({ supported_events: [8, 1, 0, 99] }, []).events).toEqual(['requestHeaders']);
  });
});

describe('zentinel medium', () => {
  const released: Hello = { ...proxy, name: 'zentinel-proxy', features: [] };

  test('an agent sends what the dialect has and what it announced', () => {
    const { accepts, ids, quirks } = negotiate(agent, released, streamMedium('zentinel', agent, released));
    expect([...accepts].toSorted()).toEqual(['answer', 'healthStatus', 'ping', 'pong']);
    expect(ids).toBe('text');
    expect(quirks).toContain('challenge_is_allow');
    expect(quirks).toHaveLength(8);
  });

  test('a proxy sends what the agent announced and itself has', () => {
    const self = { ...proxy, features: ['websocket', 'config_push', 'lifecycle', 'request_complete'] };
    const { accepts, quirks } = negotiate(self, { ...agent, features: [] }, streamMedium('zentinel', self, agent));
    expect(accepts.has('webSocketFrame') && accepts.has('configure') && accepts.has('cancel')).toBe(true);
    expect(
      ['requestComplete', 'cancelAll', 'drain', 'shutdown', 'configUpdateResponse'].filter((type) =>
        accepts.has(type as 'drain'),
      ),
    ).toEqual([]);
    expect(quirks).toEqual([]);
  });

  test('a proxy of another name has no known quirks', () => {
    expect(streamMedium('zentinel', agent, { ...released, name: 'mine' }).quirks).toEqual([]);
    expect(streamMedium('documented', agent, released).quirks).toBeUndefined();
  });
});
