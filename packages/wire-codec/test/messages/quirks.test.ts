import { AgentwireError, type Ping, type Received } from '@agentwire/core';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';

import { codecPair, FORMATS, frameOf, readFrame } from './codec-pair.ts';
import { samplesOf } from './samples.ts';

const packr = new Packr({ useRecords: false, variableMapSize: true });
const readJson = (
  dialect: 'documented' | 'zentinel',
  to: 'proxy' | 'agent',
  byte: number,
  value: unknown,
): Received | undefined => {
  const payload = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  return codecPair(dialect, 'json')[to].read(byte, payload, 0, payload.length);
};
const readPacked = (to: 'proxy' | 'agent', byte: number, value: unknown): Received | undefined => {
  const payload = packr.pack(value);
  return codecPair('zentinel', 'msgpack')[to].read(byte, payload, 0, payload.length);
};

describe('an event of the crate', () => {
  const metadata = {
    client_ip: '10.0.0.1:55',
    client_port: 0,
    correlation_id: 'c',
    protocol: 'HTTP/1.1',
    request_id: 'r',
    route_id: null,
    server_name: null,
    timestamp: 't',
    tls_cipher: null,
    tls_version: null,
    upstream_id: null,
  };

  test('as JSON with sorted names is read each time', () => {
    const { agent } = codecPair('zentinel', 'json');
    const payload = Buffer.from(
      JSON.stringify({ correlation_id: 'c', headers: { accept: ['a', 'b'] }, metadata, method: 'GET', uri: '/' }),
    );
    for (let i = 0; i < 3; i++) {
      expect(agent.read(0x10, payload, 0, payload.length)).toMatchObject({
        id: 'c',
        headers: ['accept', 'a', 'accept', 'b'],
        metadata: { clientIp: '10.0.0.1:55', serverName: undefined },
      });
    }
  });

  test('with two different ids has the one in the metadata', () => {
    expect(
      readJson('zentinel', 'agent', 0x10, { correlation_id: 'other', metadata, method: 'GET', uri: '/', headers: {} }),
    ).toMatchObject({ id: 'c', metadata: { correlationId: 'c' } });
    expect(
      readJson('zentinel', 'agent', 0x10, { correlation_id: 'other', metadata, method: 5, uri: '/', headers: {} }),
    ).toMatchObject({ type: 'malformed', id: 'c' });
  });

  test('as arrays, in its version 0.6.20, is read', () => {
    const place = ['c', 'r', '1.1.1.1', 5, null, 'HTTP/1.1', null, null, null, null, 't'];
    expect(
      readPacked('agent', 0x10, {
        correlation_id: 'c',
        metadata: place,
        method: 'GET',
        uri: '/',
        headers: { a: ['b'] },
      }),
    ).toMatchObject({ id: 'c', metadata: { clientPort: 5, timestamp: 't', traceparent: undefined } });
    const five = readPacked('agent', 0x11, ['c', Buffer.from('x'), true, 2, 9]);
    expect(five).toMatchObject({ id: 'c', last: true, index: 2, bytesTransferred: 9, totalSize: undefined });
    expect(readPacked('agent', 0x11, ['c', Buffer.from('x'), 7, true, 2, 9])).toMatchObject({
      last: true,
      index: 2,
      bytesTransferred: 9,
      totalSize: 7,
    });
    expect(readPacked('agent', 0x11, ['c', 'eA==', true, 7, 2, 9])).toMatchObject({
      last: true,
      index: 2,
      totalSize: 7,
    });
    const audit = [['t'], [], null, [], { correlation_id: 'c' }];
    expect(
      readPacked('proxy', 0x20, [
        2,
        { block: [403, 'no', null] },
        [{ set: ['x', 'y'] }],
        [],
        {},
        audit,
        false,
        null,
        null,
        null,
      ]),
    ).toMatchObject({
      id: 'c',
      decision: {
        verdict: { type: 'block', status: 403, body: 'no' },
        requestHeaders: [{ op: 'set', name: 'x', value: 'y' }],
        audit: { tags: ['t'] },
      },
    });
  });

  test('as the answer to a configuration that it refuses is a block', () => {
    const custom = { correlation_id: 'c' };
    const answer = {
      version: 2,
      decision: { block: { status: 500, body: 'Configuration rejected', headers: null } },
      audit: { custom },
    };
    expect(readJson('zentinel', 'proxy', 0x20, answer)).toMatchObject({
      id: 'c',
      decision: { verdict: { type: 'block', status: 500 }, audit: undefined },
    });
  });
});

describe('a request head with few fields', () => {
  const line = { method: 'GET', uri: '/', headers: [] };
  const nothing = {
    correlationId: '',
    requestId: '',
    clientIp: '',
    clientPort: 0,
    protocol: 'HTTP/1.1',
    timestamp: '',
  };

  test.each([{}, { metadata: {} }, { metadata: null }, { metadata: { client_ip: null } }])('is read: %j', (more) => {
    expect(readJson('documented', 'agent', 0x10, { request_id: 1, ...line, ...more })).toMatchObject({
      type: 'requestHeaders',
      id: 1,
      metadata: nothing,
      hasBody: undefined,
    });
  });

  test('may lack each member of its metadata, but none may be wrong', () => {
    for (const member of ['correlation_id', 'request_id', 'client_ip', 'client_port', 'protocol', 'timestamp']) {
      const all = {
        correlation_id: 'c',
        request_id: 'r',
        client_ip: 'i',
        client_port: 1,
        protocol: 'p',
        timestamp: 't',
      };
      const { [member as 'protocol']: _, ...metadata } = all;
      expect(readJson('documented', 'agent', 0x10, { request_id: 1, ...line, metadata })).toMatchObject({
        id: 1,
        type: 'requestHeaders',
      });
      const wrong = { ...all, [member]: true };
      expect(readJson('documented', 'agent', 0x10, { request_id: 1, ...line, metadata: wrong })).toMatchObject({
        type: 'malformed',
        id: 1,
      });
    }
  });
});

describe('older and other forms', () => {
  test('of a status are read', () => {
    expect(
      readJson('documented', 'agent', 0x12, { request_id: 1, status_code: 204, headers: [], has_body: false }),
    ).toMatchObject({ status: 204 });
  });

  test.each([
    [1, 'healthy'],
    [{ status: 'healthy' }, 'healthy'],
    [{ status: 'degraded', disabled_features: ['a'], timeout_multiplier: 2 }, 'degraded'],
    [{ status: 'draining', eta_ms: 5 }, 'draining'],
    [{ status: 'unhealthy', reason: 'x', recoverable: true }, 'unhealthy'],
  ])('of a health state are read: %j', (state, expected) => {
    expect(readJson('zentinel', 'proxy', 0x30, { agent_id: 'a', state, timestamp_ms: 1 })).toMatchObject({
      state: expected,
    });
  });

  test('of flow control are read, and an unknown action is an error', () => {
    expect(readJson('zentinel', 'proxy', 0x33, { action: 1, correlation_id: null })).toMatchObject({
      action: 'pause',
      id: undefined,
    });
    expect(
      readJson('zentinel', 'proxy', 0x33, { action: { type: 'update_capacity', buffer_available: 7 } }),
    ).toMatchObject({ action: 'updateCapacity', bufferAvailable: 7 });
    expect(readJson('zentinel', 'proxy', 0x33, { type: 'resume' })).toMatchObject({ action: 'resume' });
    expect(readJson('zentinel', 'proxy', 0x33, { action: 4 })).toMatchObject({ type: 'malformed' });
  });

  test('of a body mutation are read and never written', () => {
    expect(readJson('documented', 'proxy', 0x21, { request_id: 1, chunk_index: 2, data: null })).toMatchObject({
      type: 'bodyMutation',
      index: 2,
      data: null,
    });
    expect(() =>
      frameOf(codecPair('documented', 'json').agent, { type: 'bodyMutation', id: 1, index: 0, data: null }),
    ).toThrow(AgentwireError);
  });

  test('of a configuration without a wrapper are the whole object', () => {
    expect(readJson('zentinel', 'agent', 0x17, { correlation_id: 'c', mode: 'on' })).toMatchObject({
      id: 'c',
      config: { mode: 'on' },
    });
    expect(readJson('zentinel', 'agent', 0x17, { correlation_id: 'c', config: 5, config_version: '2' })).toMatchObject({
      config: 5,
      configVersion: '2',
    });
  });

  test('of a cancel with an unknown reason are a cancel', () => {
    expect(readJson('documented', 'agent', 0x30, { request_id: 1, reason: 'bored' })).toEqual({
      type: 'cancel',
      id: 1,
      reason: undefined,
      timestampMs: undefined,
    });
    expect(readJson('zentinel', 'agent', 0x40, { correlation_id: 'c', reason: 4, timestamp_ms: 9 })).toMatchObject({
      reason: 'proxy_shutdown',
    });
  });
});

describe('zentinel pings', () => {
  test.each(['json', 'msgpack'])('are repeated byte for byte under %s', (encoding) => {
    const { agent } = codecPair('zentinel', encoding);
    const payload = Buffer.from('{ "timestamp_ms": 5,"sequence":1, "more": true }');
    const ping = agent.read(0x41, payload, 0, payload.length);
    expect(ping).toEqual({ type: 'ping', sequence: 1, timestampMs: 5 });
    const frame = frameOf(agent, { type: 'pong', sequence: 1, timestampMs: 5, echo: (ping as Ping).echo });
    expect(frame.subarray(5).toString()).toBe(payload.toString());
    expect(frameOf(agent, { type: 'pong', sequence: 1, timestampMs: 5 }).subarray(5).toString()).toBe(
      '{"sequence":1,"timestamp_ms":5}',
    );
  });
});

describe('a frozen decision', () => {
  test.each(FORMATS)(
    'is sent with the id of each answer, whatever the id: $dialect $encoding',
    ({ dialect, encoding }) => {
      const { proxy, agent } = codecPair(dialect, encoding);
      const decision = Object.freeze({
        verdict: Object.freeze({ type: 'allow' as const }),
        audit: Object.freeze({ tags: Object.freeze(['again']) }),
      });
      const ids =
        dialect === 'documented'
          ? [0, 127, 300, 70_000, 5_000_000_000, 2 ** 53 - 1, 2n ** 60n]
          : ['a', 'b'.repeat(40), 'c'.repeat(300), 'quote"', '\u00fc', ''];
      for (const id of ids) {
        const frame = frameOf(agent, { type: 'answer', id, decision });
        expect(readFrame(proxy, frame)).toEqual({ type: 'answer', id, decision });
        // the bytes of the same decision unfrozen, which is encoded anew
        expect(frame.equals(frameOf(agent, { type: 'answer', id, decision: structuredClone(decision) }))).toBe(true);
      }
    },
  );

  test('that holds the text by which an id is found is encoded anew', () => {
    for (const encoding of ['json', 'msgpack']) {
      const { proxy, agent } = codecPair('zentinel', encoding);
      const decision = Object.freeze({
        verdict: Object.freeze({ type: 'allow' as const }),
        audit: Object.freeze({ tags: Object.freeze(['id-that-marks-the-place']) }),
      });
      for (const id of ['a', 'b', 'id-that-marks-the-place']) {
        expect(readFrame(proxy, frameOf(agent, { type: 'answer', id, decision }))).toMatchObject({ id, decision });
      }
    }
  });

  test('cannot be mistaken for another by an id in its content', () => {
    const { proxy, agent } = codecPair('zentinel', 'json');
    const decision = { verdict: { type: 'allow' as const }, routingMetadata: { correlation_id: 'mine' } };
    for (const id of ['a', 'b', 'c', 'd']) {
      expect(readFrame(proxy, frameOf(agent, { type: 'answer', id, decision }))).toMatchObject({ id, decision });
    }
  });
});

test('refuses a method or uri that cannot be part of a request line', () => {
  const metadata = {
    correlation_id: 'c',
    request_id: 'r',
    client_ip: '',
    client_port: 0,
    protocol: 'p',
    timestamp: 't',
  };
  for (const wrong of [{ method: 'G T' }, { method: '' }, { uri: '/a b' }, { uri: '/a\r\nx: y' }, { uri: '/\u007f' }]) {
    const wire = { request_id: 9, metadata, method: 'GET', uri: '/', headers: [], has_body: false };
    expect(readJson('documented', 'agent', 0x10, { ...wire, ...wrong })).toMatchObject({ type: 'malformed', id: 9 });
  }
});

test('reads frames cut at every byte as malformed or not at all, never as another message', () => {
  for (const { dialect, encoding } of FORMATS) {
    for (const { from, message } of samplesOf(dialect)) {
      const frame = frameOf(codecPair(dialect, encoding)[from], message);
      for (let end = 5; end < frame.length; end++) {
        const pair = codecPair(dialect, encoding);
        const received = (from === 'proxy' ? pair.agent : pair.proxy).read(frame.readUInt8(4), frame, 5, end);
        // the content of a ping is not decoded
        const may = message.type === 'ping' ? 'ping' : 'malformed';
        expect(received === undefined || received.type === may).toBe(true);
      }
    }
  }
});

test('reads many frames out of one read, at any offset', () => {
  for (const { dialect, encoding } of FORMATS) {
    const { proxy, agent } = codecPair(dialect, encoding);
    const events = samplesOf(dialect).filter(({ from }) => from === 'proxy');
    const frames = events.map(({ message }) => frameOf(proxy, message));
    const read = Buffer.concat(frames);
    let at = 0;
    const received = frames.map((frame) => {
      const start = at;
      at += frame.length;
      return agent.read(frame.readUInt8(4), read, start + 5, at);
    });
    expect(received).toEqual(events.map(({ message }) => message));
  }
});

test('delivers body bytes of MessagePack as a view of the read', () => {
  const { proxy, agent } = codecPair('documented', 'msgpack');
  const frame = frameOf(proxy, {
    type: 'requestBodyChunk',
    id: 1,
    index: 0,
    data: Buffer.alloc(65_536, 7),
    last: true,
  });
  const received = readFrame(agent, frame) as { data: Uint8Array };
  expect(received.data.buffer).toBe(frame.buffer);
  expect(received.data).toHaveLength(65_536);
});
