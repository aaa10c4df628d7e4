import { describe, expect, test } from 'vitest';

import { HeaderMap, type HeaderSource } from '../src/index.ts';
import { thrownBy } from './thrown-by.ts';

const lines = [
  ['Host', 'example.com'],
  ['Set-Cookie', 'a=1'],
  ['X-Own', 'x'],
  ['Set-Cookie', 'b=2'],
  ['x-own', ''],
] as const;
const raw = (): readonly string[] => Object.freeze(lines.flat());
const sources: Record<string, () => HeaderSource> = {
  'a raw list': raw,
  'a plain object': () =>
    Object.freeze({ Host: 'example.com', 'Set-Cookie': ['a=1', 'b=2'], 'X-Own': 'x', 'x-own': '', gone: undefined }),
  'an iterable of pairs': () => new Set(lines).values(),
  'another map': () => new HeaderMap(raw()),
};

describe.each(Object.entries(sources))('HeaderMap of %s', (_kind, source) => {
  test('reads in any case', () => {
    const headers = new HeaderMap(source());
    expect(headers.get('HOST')).toBe('example.com');
    expect(headers.get('set-cookie')).toBe('a=1, b=2');
    expect(headers.getAll('Set-Cookie')).toEqual(['a=1', 'b=2']);
    expect(headers.getAll('X-OWN')).toEqual(['x', '']);
    expect(headers.has('x-Own')).toBe(true);
    expect(headers.get('gone')).toBeUndefined();
    expect(headers.getAll('gone')).toEqual([]);
    expect(headers.has('gone')).toBe(false);
    expect(headers.size).toBe(5);
  });

  test('copies on the first write and does not change the source', () => {
    const from = source();
    const headers = new HeaderMap(from);
    headers.set('host', 'other').append('X-New', 'n');
    expect(headers.delete('x-own')).toBe(true);
    expect(headers.toObject()).toEqual({ host: 'other', 'set-cookie': ['a=1', 'b=2'], 'x-new': 'n' });
    if (from instanceof HeaderMap) expect(from.toRaw()).toEqual(raw());
  });

  test('converts', () => {
    const headers = new HeaderMap(source());
    expect(headers.toObject()).toEqual({ host: 'example.com', 'set-cookie': ['a=1', 'b=2'], 'x-own': ['x', ''] });
    expect(headers.toHeaders().getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(new HeaderMap(headers.toRaw()).toObject()).toEqual(headers.toObject());
    expect([...headers][0]).toEqual(['host', 'example.com']);
  });
});

describe('HeaderMap', () => {
  test('returns a wrapped list itself until the first write', () => {
    const list = raw();
    const headers = HeaderMap.from(list);
    expect(headers.toRaw()).toBe(list);
    expect(headers.delete('not-there')).toBe(false);
    expect(headers.toRaw()).toBe(list);
    headers.append('a', 'b');
    expect(headers.toRaw()).not.toBe(list);
    expect(headers.toRaw()).toEqual([...list, 'a', 'b']);
  });

  test('never changes a list that it handed out', () => {
    const headers = new HeaderMap().append('a', '1');
    const first = headers.toRaw();
    headers.set('a', '2');
    expect(first).toEqual(['a', '1']);
    const other = new HeaderMap(headers);
    headers.set('a', '3');
    other.append('a', '4');
    expect([headers.get('a'), other.get('a')]).toEqual(['3', '2, 4']);
  });

  test('allows removals during an iteration', () => {
    const headers = new HeaderMap(raw());
    for (const [name] of headers) if (name !== 'host') headers.delete(name);
    expect(headers.toRaw()).toEqual(['Host', 'example.com']);
  });

  test('sets at the position of the first and keeps the new spelling', () => {
    const headers = new HeaderMap(raw()).set('SET-COOKIE', ['c', 'd', 'e']);
    expect(headers.toRaw()).toEqual(
      ['Host', 'example.com', 'SET-COOKIE', 'c', 'SET-COOKIE', 'd', 'SET-COOKIE', 'e'].concat(
        'X-Own',
        'x',
        'x-own',
        '',
      ),
    );
    expect(headers.set('x-own', []).has('x-own')).toBe(false);
  });

  test('refuses names and values that Node would not send, and changes nothing', () => {
    const headers = new HeaderMap(raw());
    for (const bad of ['a\r\nb', 'a\nb', 'a\0b', 'a\u0100b', 'a\u007fb']) {
      expect(thrownBy(() => headers.set('host', bad)).code).toBe('ERR_INVALID_HEADER');
      expect(thrownBy(() => headers.set('host', ['fine', bad])).code).toBe('ERR_INVALID_HEADER');
      expect(thrownBy(() => headers.append('host', bad)).code).toBe('ERR_INVALID_HEADER');
      expect(thrownBy(() => headers.append(bad, 'fine')).code).toBe('ERR_INVALID_HEADER');
      expect(thrownBy(() => headers.setTrusted('host', bad)).code).toBe('ERR_INVALID_HEADER');
    }
    expect(headers.toRaw()).toEqual(raw());
  });

  test('refuses a list of odd length', () => {
    expect(thrownBy(() => new HeaderMap(['a'])).message).toBe('a raw header list must have an even length, got 1');
  });

  test('sets a trusted header alone, whatever the client sent', () => {
    const headers = new HeaderMap(['X-Real-IP', '6.6.6.6', 'a', 'b', 'x_real_ip', '6.6.6.6', 'X-real_ip', '6.6.6.6']);
    expect(headers.setTrusted('X-Real-IP', '192.0.2.1').toRaw()).toEqual(['a', 'b', 'X-Real-IP', '192.0.2.1']);
    expect(new HeaderMap(['x-user-id', '0']).setTrusted('x_user_id', '1').toRaw()).toEqual(['x_user_id', '1']);
  });

  test('treats __proto__ as any other name', () => {
    const sent = JSON.parse('{"__proto__": "evil", "constructor": "too"}') as Record<string, string>;
    for (const headers of [new HeaderMap(sent), new HeaderMap(['__proto__', 'evil', 'constructor', 'too'])]) {
      expect(headers.get('__PROTO__')).toBe('evil');
      expect(Object.entries(headers.append('__proto__', 'x').toObject())).toEqual([
        ['__proto__', ['evil', 'x']],
        ['constructor', 'too'],
      ]);
    }
    expect(new HeaderMap({}).get('toString')).toBeUndefined();
    expect(new HeaderMap({}).get('__proto__')).toBeUndefined();
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    expect('evil' in {}).toBe(false);
  });

  test('reads only own properties of an object', () => {
    const headers = new HeaderMap(Object.create({ inherited: 'x' }) as Record<string, string>);
    expect(headers.get('inherited')).toBeUndefined();
    expect(headers.toRaw()).toEqual([]);
  });
});
