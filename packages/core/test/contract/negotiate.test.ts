import { negotiate, FEATURES, type Hello } from '@agentwire/core';
import { describe, expect, test } from 'vitest';

const proxy: Hello = { role: 'proxy', name: 'p', version: '1', features: FEATURES, encodings: ['msgpack', 'json'] };
const agent: Hello = { role: 'agent', name: 'a', version: '1', features: FEATURES, encodings: ['json', 'msgpack'] };
const medium = { dialect: 'documented', ids: 'number', maxMessageBytes: 100 } as const;

describe('negotiate', () => {
  test('both sides come to the same encoding and the same features', () => {
    const some: Hello = { ...agent, features: ['errors', 'health'] };
    const [seenByProxy, seenByAgent] = [negotiate(proxy, some, medium), negotiate(some, proxy, medium)];
    expect([seenByProxy.encoding, seenByAgent.encoding]).toEqual(['msgpack', 'msgpack']);
    expect(seenByProxy.features).toEqual(['errors', 'health']);
    expect(new Set(seenByAgent.features)).toEqual(new Set(seenByProxy.features));
  });

  test('a message of a feature may be sent only where both named it', () => {
    expect(negotiate(proxy, { ...agent, features: [] }, medium).accepts.has('requestComplete')).toBe(false);
    expect(negotiate(proxy, { ...agent, features: ['request_complete'] }, medium).accepts.has('requestComplete')).toBe(
      true,
    );
    expect(negotiate(agent, { ...proxy, features: ['health'] }, medium).accepts.has('healthStatus')).toBe(true);
    expect(negotiate(agent, proxy, medium).accepts.has('requestHeaders')).toBe(false);
  });

  test('the medium adds and takes away', () => {
    const { accepts } = negotiate(
      proxy,
      { ...agent, features: [] },
      { ...medium, always: ['requestComplete'], never: ['cancelAll'] },
    );
    expect([accepts.has('requestComplete'), accepts.has('cancelAll')]).toEqual([true, false]);
  });

  test('two of one role, and no common version', () => {
    expect(() => negotiate(proxy, proxy, medium)).toThrow(expect.objectContaining({ code: 'ERR_PROTOCOL' }));
    expect(() => negotiate(agent, { ...proxy, protocolVersions: [3] }, medium)).toThrow(
      expect.objectContaining({
        code: 'ERR_VERSION_MISMATCH',
        message: 'unsupported protocol version 3, this side speaks 2',
      }),
    );
    expect(() => negotiate(agent, { ...proxy, protocolVersions: [] }, medium)).toThrow('version none');
    expect(negotiate(agent, { ...proxy, protocolVersions: [1, 2] }, medium).name).toBe('p');
  });

  test('encodings: the first of the proxy that the agent has, else json', () => {
    const encoding = (...encodings: string[]): string => negotiate(proxy, { ...agent, encodings }, medium).encoding;
    expect([encoding('msgpack', 'json'), encoding('json'), encoding()]).toEqual(['msgpack', 'json', 'json']);
  });
});
