import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { internHeaderBytes, internHeaderName, names } from '../src/index.ts';

const known: readonly string[] = Object.values(names);
/** `name` with the letters upper-cased whose bit is set. */
const respell = (name: string, bits: number): string =>
  Array.from(name, (c, i) => ((bits >> (i % 31)) & 1 ? c.toUpperCase() : c)).join('');
const lowerAscii = (name: string): string => name.replaceAll(/[A-Z]/g, (c) => c.toLowerCase());

describe('names', () => {
  test('has the 32 documented constants, each spelled like its value', () => {
    expect(known).toHaveLength(32);
    expect(new Set(known).size).toBe(32);
    for (const [constant, name] of Object.entries(names)) {
      expect(name).toBe(constant.toLowerCase().replaceAll('_', '-'));
    }
  });
});

describe('internHeaderName', () => {
  test('returns every known name in any case, as text and as bytes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...known), fc.nat(), (name, bits) => {
        expect(internHeaderName(respell(name, bits))).toBe(name);
        expect(internHeaderName(Buffer.from(respell(name, bits)))).toBe(name);
      }),
    );
  });

  test('lower-cases anything else, ASCII letters only', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 40 }), (name) => {
        expect(internHeaderName(name)).toBe(lowerAscii(name));
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        expect(internHeaderName(bytes)).toBe(lowerAscii(Buffer.from(bytes).toString('latin1')));
      }),
    );
  });

  test('mistakes no lookalike for a known name', () => {
    expect(internHeaderName('coo\u212Aie')).toBe('coo\u212Aie');
    expect(internHeaderName('coo\u212Aie')).not.toBe(names.COOKIE);
    expect(internHeaderName('set\rcookie')).toBe('set\rcookie');
    expect(internHeaderName('set_cookie')).toBe('set_cookie');
    expect(internHeaderName('')).toBe('');
    expect(internHeaderName(new Uint8Array())).toBe('');
    expect(internHeaderName('__proto__')).toBe('__proto__');
    expect(internHeaderName('constructor')).toBe('constructor');
  });

  test('reads a slice of a larger buffer', () => {
    const line = Buffer.from('GET / HTTP/1.1\r\nContent-TYPE: a\r\nX-Own: b');
    expect(internHeaderBytes(line, 16, 28)).toBe('content-type');
    expect(internHeaderBytes(line, 33, 38)).toBe('x-own');
    expect(internHeaderBytes(line.subarray(10), 6, 18)).toBe('content-type');
    expect(internHeaderBytes(line, 5, 5)).toBe('');
  });
});
