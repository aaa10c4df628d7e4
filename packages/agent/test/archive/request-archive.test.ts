import { describe, expect, it } from 'vitest';
import type { Connection, EncodedMessage, RequestHeaders } from '@agentwire/core';
import { ByteSegments, SEGMENT_BYTES } from '../../src/archive/byte-segments.ts';
import { hashOfId } from '../../src/archive/id-hash.ts';
import { Owners } from '../../src/archive/owners.ts';
import { RequestArchive } from '../../src/archive/request-archive.ts';
import { head } from '../events.ts';

/** A connection; the archive only compares it. */
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

/** Puts in the request `number`, whose uri says so. */
function put(archive: RequestArchive<number>, from: Connection, number: number): boolean {
  return archive.put(number, from, encodedFormOf(head(`${number}`, { uri: `/${number}` })), number, number);
}

describe('an archive of requests', () => {
  it('gives back the youngest as they were put in, and older ones as they were received', () => {
    const archive = new RequestArchive<number>();
    const from = connection();
    for (let i = 0; i < 100; i++) expect(put(archive, from, i)).toBe(true);
    expect(archive.take(99)).toMatchObject({ recent: 99, head: undefined, time: 99 });
    const old = archive.take(10);
    expect(old).toMatchObject({ recent: undefined, time: 10 });
    expect(old?.head).toEqual(head('10', { uri: '/10' }));
    expect(old?.connection).toBe(from);
    expect(archive.take(10)).toBeUndefined();
    expect(archive.size).toBe(98);
  });

  it('keeps all that it holds through growing and through moving together', () => {
    const archive = new RequestArchive<number>();
    const from = connection();
    // every eighth stays while the others go at once, in several rounds of every capacity on the way
    for (let i = 0; i < 40_000; i++) {
      put(archive, from, i);
      if (i % 8 !== 0) expect(archive.take(i)?.recent).toBe(i);
    }
    expect(archive.size).toBe(5_000);
    for (let i = 0; i < 40_000 - 8 * 64; i += 8) expect(archive.take(i)?.head?.uri).toBe(`/${i}`);
  });

  it('forgets the oldest first, and all of it at the end', () => {
    const archive = new RequestArchive<number>();
    for (let i = 0; i < 5; i++) put(archive, connection(), i);
    archive.dropOldest();
    expect([archive.size, archive.oldestTime, archive.take(0)]).toEqual([4, 1, undefined]);
    archive.clear();
    expect([archive.size, archive.oldestTime]).toEqual([0, Infinity]);
    archive.dropOldest();
  });

  it('gives back as it is what was pinned, however old, unless it was forgotten meanwhile', () => {
    const archive = new RequestArchive<number>();
    const from = connection();
    put(archive, from, 7);
    archive.pin(7, 7, 70, 100);
    for (let i = 100; i < 3_000; i++) put(archive, from, i);
    expect(archive.take(7)).toMatchObject({ recent: 70, head: undefined });
    archive.pin(7, 7, 70, 100);
    archive.pin(100, 99, 70, 100);
    put(archive, from, 7);
    expect(archive.take(7)?.recent).toBe(7);
    expect(archive.take(100)).toMatchObject({ recent: undefined, head: { uri: '/100' } });
  });

  it('says what memory it takes, and less once the oldest are forgotten', () => {
    const archive = new RequestArchive<number>();
    const from = connection();
    const long = head('1', { uri: `/${'x'.repeat(SEGMENT_BYTES - 1_000)}` });
    // one fills a segment
    for (let i = 0; i < 10; i++) expect(archive.put(i, from, encodedFormOf(long), i, i)).toBe(true);
    expect(archive.bytes).toBe(10 * SEGMENT_BYTES);
    archive.pin(5, 5, 5, 1_000);
    archive.pin(5, 5, 5, 2_000);
    expect(archive.bytes).toBe(10 * SEGMENT_BYTES + 2_000);
    for (let i = 0; i < 6; i++) archive.dropOldest();
    expect(archive.bytes).toBe(4 * SEGMENT_BYTES);
  });

  it('gives back all of one hash, one after the other', () => {
    const archive = new RequestArchive<number>();
    const from = connection();
    const times = [5, 6, 7];
    for (const time of times) expect(archive.put(1, from, encodedFormOf(head('1')), time, time)).toBe(true);
    archive.pin(1, 6, 60, 100);
    const taken = times.map(() => archive.take(1)?.recent ?? 0);
    expect(taken.toSorted((a, b) => a - b)).toEqual([5, 7, 60]);
    expect(archive.take(1)).toBeUndefined();
  });

  it('refuses one without bytes, one that is too long, and the same hash for ever', () => {
    const archive = new RequestArchive<number>();
    const from = connection();
    expect(put(archive, from, 1)).toBe(true);
    const over: EncodedMessage = { copyTo: () => 0, decode: () => undefined };
    expect(archive.put(2, from, over, 2, 2)).toBe(false);
    const long = head('4', { uri: `/${'x'.repeat(SEGMENT_BYTES)}` });
    expect(archive.put(4, from, encodedFormOf(long), 4, 4)).toBe(false);
    expect(archive.size).toBe(1);
    const many = Array.from({ length: 100 }, () => put(archive, from, 5)).filter(Boolean);
    expect(many.length).toBe(33);
  });
});

describe('segments of bytes', () => {
  it('are used again once they were given back, and none is begun while one is empty', () => {
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

describe('owners', () => {
  it('have a number while something uses it, and their number goes to another afterwards', () => {
    const owners = new Owners();
    const encoded = encodedFormOf(head('1'));
    const [one, two] = [connection(), connection()];
    const number = owners.use(one, encoded);
    expect(owners.use(one, encoded)).toBe(number);
    expect(owners.use(two, encoded)).not.toBe(number);
    expect([owners.release(number).connection, owners.release(number).connection]).toEqual([one, one]);
    expect(owners.use(connection(), encoded)).toBe(number);
  });
});

describe('hashes of ids', () => {
  it('differ by id and by proxy, and are the same each time', () => {
    const ids = Array.from({ length: 1_000 }, (_, i) => `${i}-0000-4000-8000`);
    const hashes = new Set(ids.flatMap((id) => [hashOfId('one', id), hashOfId('two', id)]));
    expect(hashes.size).toBeGreaterThan(1_990);
    expect(hashOfId('one', 'a')).toBe(hashOfId('one', 'a'));
  });
});
