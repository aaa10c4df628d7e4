import { describe, expect, it } from 'vitest';
import { ChainManager } from '../../src/index.ts';
import { canonicalJson, createChainScheme, payloadHash } from '../../src/internal.ts';
import { createManualClock } from '@agentwire/core/testing';
import { shake256 } from '../../src/chain/chain-hash.ts';

const clock = createManualClock(Date.parse('2025-01-01T00:00:00Z'));

describe('chain format 1', () => {
  it('hashes nothing as SHAKE-256 with 32 bytes does', () => {
    expect(shake256('')).toBe('46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f');
  });

  it('gives the hashes of the original', () => {
    const chain = new ChainManager({ format: 1, clock });
    chain.record('ipc', 'ipc.send', { target: 'Process(7)', from: 1, payload_type: 'text', msg_id: 'ipc-1' });
    chain.record('test', 'event.empty');
    const events = chain.tail();
    expect(events.map(({ payload }) => payload)).toEqual([
      '{"chain_id":0}',
      '{"from":1,"msg_id":"ipc-1","payload_type":"text","target":"Process(7)"}',
      undefined,
    ]);
    expect(events.map(({ payload }) => payloadHash(payload))).toEqual([
      '736f3cfac806bbb3fa04475ab99fd5989c5f092c6e4287bbd43451a4c1d8db21',
      'a1351df8f141efd005d24af82e7a641ff2f638c04520254a206f7c6e27ae4b10',
      '0'.repeat(64),
    ]);
    expect(events.map(({ hash }) => hash)).toEqual([
      'e67696094fc35528b652ed953023013651d38e424dd135a0665dd081f2165b43',
      'cebd4c0f4f93b17962d2a7f0ae1e67d5eed9aa555fa65af933abd37aaafadefb',
      'bfe4c1ad4b9d877c2b4880112e8028d4748b50b1f2399716433ab5f519a54299',
    ]);
  });

  it('takes no key, and format 2 takes exactly one', () => {
    const key = new Uint8Array(16);
    expect(() => createChainScheme({ format: 1, key })).toThrow('format 1 takes no key');
    expect(() => createChainScheme({})).toThrow('either a key or a signingKey');
    expect(() => createChainScheme({ key: new Uint8Array(15) })).toThrow('16 bytes or more');
  });
});

describe('canonicalJson', () => {
  it('sorts keys by their UTF-8 bytes, which UTF-16 does not', () => {
    expect(canonicalJson({ '\u{1F600}': 1, '\uFF5E': 2, b: 3, a: [null, true, { z: 1, y: 'ä' }] })).toBe(
      '{"a":[null,true,{"y":"ä","z":1}],"b":3,"～":2,"😀":1}',
    );
  });

  it('leaves out what is undefined and refuses what JSON cannot say', () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
    expect(() => canonicalJson(Number.NaN)).toThrow('JSON has no number NaN');
    const odd: unknown[] = [undefined, [undefined], Array(1), () => 1, new Date(0), new Map(), new Set([1]), 1n];
    for (const value of odd)
      for (const inside of [value, { a: value }])
        if (inside !== undefined && (inside as { a?: unknown }).a !== undefined)
          expect(() => canonicalJson(inside as never)).toThrow(
            expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT' }) as Error,
          );
    let deep: unknown = 1;
    for (let level = 0; level < 70; level += 1) deep = [deep];
    expect(() => canonicalJson(deep as never)).toThrow('nested more than 64 deep');
  });
});
