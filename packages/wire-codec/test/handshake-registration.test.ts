import { AgentwireError, EVENT_TYPES, type Hello } from '@agentwire/core';
import {
  readRegistrationAnswer,
  readRegistrationRequest,
  writeRegistrationAnswer,
  writeRegistrationRefusal,
  writeRegistrationRequest,
} from '@agentwire/wire-codec/internal';
import { describe, expect, test } from 'vitest';

const agent: Hello = {
  role: 'agent',
  name: 'waf',
  version: '2.0.0',
  features: ['health'],
  encodings: ['msgpack', 'json'],
  token: 'sesame',
};
const proxy: Hello = {
  role: 'proxy',
  name: 'edge',
  version: '1.0.0',
  features: ['health'],
  encodings: ['json', 'msgpack'],
};

const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const error = (code: string): Error => expect.objectContaining({ code }) as Error;

describe('registration request', () => {
  test.each(['union', 'documented', 'zentinel'] as const)('a %s one is read back', (shape) => {
    const { dialect, hello } = readRegistrationRequest(writeRegistrationRequest(shape, agent));
    expect(dialect).toBe(shape === 'zentinel' ? 'zentinel' : 'documented');
    expect(hello).toMatchObject({
      role: 'agent',
      name: 'waf',
      token: 'sesame',
      encodings: ['msgpack', 'json'],
      features: shape === 'zentinel' ? [] : ['health'],
      // configure has no number in supported_events
      capabilities: { agentId: 'waf', events: EVENT_TYPES.filter((event) => event !== 'configure') },
    });
  });

  test('agent_id counts, whatever the capabilities contain', () => {
    const { hello } = readRegistrationRequest(
      bytes({ protocol_version: 2, agent_id: 'real', capabilities: { agent_id: 'other', name: 'label' } }),
    );
    expect([hello.capabilities?.agentId, hello.name]).toEqual(['real', 'label']);
  });

  test('one of the documents, without extensions: json, no features', () => {
    const { dialect, hello } = readRegistrationRequest(
      bytes({
        protocol_version: 2,
        agent_id: 'a',
        capabilities: { handles_request_headers: true },
        auth_token: 't',
        metadata: {},
      }),
    );
    expect(dialect).toBe('documented');
    expect(hello).toMatchObject({ encodings: ['json'], features: [], token: 't' });
  });

  test.each([
    ['the handshake of a proxy', { protocol_version: 2, client_name: 'p' }, /a proxy listens here/],
    ['no agent_id', { protocol_version: 2, capabilities: {} }, /agent_id/],
    ['no version', { agent_id: 'a' }, /protocol_version/],
    ['a token that is a number', { protocol_version: 2, agent_id: 'a', auth_token: 5 }, /auth_token/],
  ])('%s is a protocol error', (_, value, words) => {
    expect(() => readRegistrationRequest(bytes(value))).toThrow(error('ERR_PROTOCOL'));
    expect(() => readRegistrationRequest(bytes(value))).toThrow(words);
  });
});

describe('registration answer', () => {
  test('is both shapes at once', () => {
    const answer = writeRegistrationAnswer(proxy, {
      dialect: 'documented',
      encoding: 'msgpack',
      connectionId: 'uds-7',
    });
    expect(JSON.parse(answer.toString())).toEqual({
      accepted: true,
      assigned_id: 'uds-7',
      supported_features: ['health'],
      success: true,
      error: null,
      proxy_id: 'edge',
      proxy_version: '1.0.0',
      connection_id: 'uds-7',
      encoding: 'msgpack',
    });
    expect(readRegistrationAnswer(answer, 'union', agent)).toMatchObject({
      dialect: 'documented',
      hello: { role: 'proxy', name: 'edge', version: '1.0.0', encodings: ['msgpack'], features: ['health'] },
    });
  });

  test('tells the dialect by accepted', () => {
    const zentinel = writeRegistrationAnswer(proxy, { dialect: 'zentinel', encoding: 'json', connectionId: 'c' });
    expect(readRegistrationAnswer(zentinel, 'union', agent).dialect).toBe('zentinel');
    expect(() => readRegistrationAnswer(zentinel, 'documented', agent)).toThrow(error('ERR_PROTOCOL'));
    const documented = bytes({ accepted: true });
    expect(readRegistrationAnswer(documented, 'union', agent)).toMatchObject({
      dialect: 'documented',
      hello: { encodings: ['json'] },
    });
    expect(readRegistrationAnswer(documented, 'zentinel', agent).dialect).toBe('zentinel');
  });

  test('a refusal arrives with its reason', () => {
    const refusal = writeRegistrationRefusal(proxy, new AgentwireError('ERR_UNAUTHORIZED', 'not allowed'));
    expect(() => readRegistrationAnswer(refusal, 'union', agent)).toThrow(error('ERR_UNAUTHORIZED'));
    expect(() => readRegistrationAnswer(refusal, 'union', agent)).toThrow(/not allowed/);
    expect(() => readRegistrationAnswer(bytes({ success: false, error: 'full' }), 'union', agent)).toThrow(
      error('ERR_REFUSED'),
    );
  });

  test('neither shape, or an encoding that was not offered, is a protocol error', () => {
    expect(() => readRegistrationAnswer(bytes({}), 'union', agent)).toThrow(error('ERR_PROTOCOL'));
    const json = { ...agent, encodings: ['json'] };
    expect(() => readRegistrationAnswer(bytes({ accepted: true, encoding: 'msgpack' }), 'union', json)).toThrow(
      error('ERR_PROTOCOL'),
    );
  });
});
