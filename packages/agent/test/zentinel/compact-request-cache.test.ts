import { describe, expect, test } from 'vitest';
import type { Connection, EncodedMessage, RequestHeaders } from '@agentwire/core';
import { ByteSegments, SEGMENT_BYTES } from '../../src/zentinel/byte-segments.ts';
import { CompactRequestCache } from '../../src/zentinel/compact-request-cache.ts';
import { ConnectionTable } from '../../src/zentinel/connection-table.ts';
import { hashOfId } from '../../src/zentinel/hash-index.ts';
import { head } from '../events.ts';

/** A connection; the cache only compares it. */
function connection(): Connection {
  return {} as Connection;
}

/** Encoded form of `message`, as if it was being delivered. */
function encodedFormOf(message: RequestHeaders): EncodedMessage {
  return {
    copyTo(target, at) {
      const bytes = Buffer.from(JSON.stringify(message));
      return at + bytes.length > target.length ? 0 : bytes.copy(target, at);
    },
    decode: (bytes) => JSON.parse(bytes.toString()) as RequestHeaders,
  };
}

/** Stores the request `number`, whose uri contains it. */
function store(cache: CompactRequestCache<number>, from: Connection, number: number): boolean {
  return cache.store(number, from, encodedFormOf(head(`${number}`, { uri: `/${number}` })), number, number);
}

describe('a compact cache of requests', () => {
  test('returns the most recent ones as stored, and older ones as they were received', () => {
    const cache = new CompactRequestCache<number>();
    const from = connection();
    for (let i = 0; i < 100; i++) expect(store(cache, from, i)).toBe(true);
    expect(cache.load(99)).toMatchObject({ value: 99, head: undefined, time: 99 });
    const old = cache.load(10);
    expect(old).toMatchObject({ value: undefined, time: 10 });
    expect(old?.head).toEqual(head('10', { uri: '/10' }));
    expect(old?.connection).toBe(from);
    expect(cache.load(10)).toBeUndefined();
    expect(cache.size).toBe(98);
  });

  test('keeps every entry while it grows and while it compacts', () => {
    const cache = new CompactRequestCache<number>();
    const from = connection();
    // every eighth stays while the others go at once, in several rounds of every capacity on the way
    for (let i = 0; i < 40_000; i++) {
      store(cache, from, i);
      if (i % 8 !== 0) expect(cache.load(i)?.value).toBe(i);
    }
    expect(cache.size).toBe(5_000);
    for (let i = 0; i < 40_000 - 8 * 64; i += 8) expect(cache.load(i)?.head?.uri).toBe(`/${i}`);
  });

  test('evicts the oldest first, and everything on clear', () => {
    const cache = new CompactRequestCache<number>();
    for (let i = 0; i < 5; i++) store(cache, connection(), i);
    cache.evictOldest();
    expect([cache.size, cache.oldestTime, cache.load(0)]).toEqual([4, 1, undefined]);
    cache.clear();
    expect([cache.size, cache.oldestTime]).toEqual([0, Infinity]);
    cache.evictOldest();
  });

  test('returns a pinned object, however old, unless it was evicted meanwhile', () => {
    const cache = new CompactRequestCache<number>();
    const from = connection();
    store(cache, from, 7);
    cache.pin(7, 7, 70, 100);
    for (let i = 100; i < 3_000; i++) store(cache, from, i);
    expect(cache.load(7)).toMatchObject({ value: 70, head: undefined });
    cache.pin(7, 7, 70, 100);
    cache.pin(100, 99, 70, 100);
    store(cache, from, 7);
    expect(cache.load(7)?.value).toBe(7);
    expect(cache.load(100)).toMatchObject({ value: undefined, head: { uri: '/100' } });
  });

  test('reports the memory it takes, and less once the oldest are evicted', () => {
    const cache = new CompactRequestCache<number>();
    const from = connection();
    const long = head('1', { uri: `/${'x'.repeat(SEGMENT_BYTES - 1_000)}` });
    // one fills a segment
    for (let i = 0; i < 10; i++) expect(cache.store(i, from, encodedFormOf(long), i, i)).toBe(true);
    expect(cache.bytes).toBe(10 * SEGMENT_BYTES);
    cache.pin(5, 5, 5, 1_000);
    cache.pin(5, 5, 5, 2_000);
    expect(cache.bytes).toBe(10 * SEGMENT_BYTES + 2_000);
    for (let i = 0; i < 6; i++) cache.evictOldest();
    expect(cache.bytes).toBe(4 * SEGMENT_BYTES);
  });

  test('returns every entry of one hash, one after the other', () => {
    const cache = new CompactRequestCache<number>();
    const from = connection();
    const times = [5, 6, 7];
    for (const time of times) expect(cache.store(1, from, encodedFormOf(head('1')), time, time)).toBe(true);
    cache.pin(1, 6, 60, 100);
    const taken = times.map(() => cache.load(1)?.value ?? 0);
    expect(taken.toSorted((a, b) => a - b)).toEqual([5, 7, 60]);
    expect(cache.load(1)).toBeUndefined();
  });

  test('refuses an entry without bytes, one that is too long, and the same hash without a limit', () => {
    const cache = new CompactRequestCache<number>();
    const from = connection();
    expect(store(cache, from, 1)).toBe(true);
    const over: EncodedMessage = { copyTo: () => 0, decode: () => undefined };
    expect(cache.store(2, from, over, 2, 2)).toBe(false);
    const long = head('4', { uri: `/${'x'.repeat(SEGMENT_BYTES)}` });
    expect(cache.store(4, from, encodedFormOf(long), 4, 4)).toBe(false);
    expect(cache.size).toBe(1);
    const many = Array.from({ length: 100 }, () => store(cache, from, 5)).filter(Boolean);
    expect(many.length).toBe(33);
  });
});

describe('byte segments', () => {
  test('are reused once they are freed, and none is begun while one is empty', () => {
    const bytes = new ByteSegments();
    bytes.advance();
    bytes.advance();
    expect(bytes.segment).toBe(0);
    const first = bytes.target;
    bytes.offset = 1;
    bytes.advance();
    expect([bytes.segment, bytes.offset]).toEqual([1, 0]);
    bytes.releaseBefore(1);
    bytes.offset = 1;
    bytes.advance();
    expect([bytes.segment, bytes.target === first]).toEqual([2, true]);
    // the one that is being filled stays
    bytes.releaseBefore(99);
    expect(bytes.segment).toBe(2);
  });
});

describe('the connection table', () => {
  test('numbers a connection while it is referenced, and reuses the number afterwards', () => {
    const table = new ConnectionTable();
    const encoded = encodedFormOf(head('1'));
    const [one, two] = [connection(), connection()];
    const number = table.use(one, encoded);
    expect(table.use(one, encoded)).toBe(number);
    expect(table.use(two, encoded)).not.toBe(number);
    expect([table.release(number).connection, table.release(number).connection]).toEqual([one, one]);
    expect(table.use(connection(), encoded)).toBe(number);
  });
});

describe('hashes of ids', () => {
  test('differ by id and by proxy, and are the same each time', () => {
    const ids = Array.from({ length: 1_000 }, (_, i) => `${i}-0000-4000-8000`);
    const hashes = new Set(ids.flatMap((id) => [hashOfId('one', id), hashOfId('two', id)]));
    expect(hashes.size).toBeGreaterThan(1_990);
    expect(hashOfId('one', 'a')).toBe(hashOfId('one', 'a'));
  });
});
