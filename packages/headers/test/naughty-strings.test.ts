import { readFileSync } from 'node:fs';
import { validateHeaderName, validateHeaderValue } from 'node:http';

import { describe, expect, test } from 'vitest';

import { HeaderMap, applyHeaderOps, internHeaderName } from '../src/index.ts';

const naughty = JSON.parse(readFileSync(new URL('fixtures/blns.json', import.meta.url), 'utf8')) as string[];
/** The strings, and their UTF-8 bytes read as latin1, which are mostly valid where the text is not. */
const texts = [...naughty, ...naughty.map((text) => Buffer.from(text).toString('latin1'))];

const succeeds = (work: () => unknown): boolean => {
  try {
    work();
    return true;
  } catch {
    return false;
  }
};

describe('the big list of naughty strings', () => {
  test('is present', () => expect(naughty.length).toBeGreaterThan(450));

  test('is accepted as values exactly when Node accepts it, and is returned exactly', () => {
    let accepted = 0;
    for (const text of texts) {
      const headers = new HeaderMap(['Host', 'a']);
      const ok = succeeds(() => validateHeaderValue('x', text));
      expect(succeeds(() => headers.append('X-Naughty', text))).toBe(ok);
      expect(succeeds(() => applyHeaderOps(['Host', 'a'], [{ op: 'set', name: 'x', value: text }]))).toBe(ok);
      if (!ok) continue;
      accepted++;
      expect(headers.getAll('x-naughty')).toEqual([text]);
      expect(headers.toRaw()).toEqual(['Host', 'a', 'X-Naughty', text]);
      expect(new HeaderMap(headers.toObject()).get('X-NAUGHTY')).toBe(text);
    }
    expect(accepted).toBeGreaterThan(300);
  });

  test('is accepted as names exactly when Node accepts it, and is returned exactly', () => {
    let accepted = 0;
    for (const text of texts) {
      const headers = new HeaderMap(['Host', 'a']);
      const ok = succeeds(() => validateHeaderName(text));
      expect(succeeds(() => headers.append(text, 'x'))).toBe(ok);
      if (!ok) continue;
      accepted++;
      expect(headers.toRaw()).toEqual(['Host', 'a', text, 'x']);
      expect(headers.get(text)).toBe('x');
      expect(Object.entries(headers.toObject())).toContainEqual([internHeaderName(text), 'x']);
    }
    expect(accepted).toBeGreaterThan(20);
  });
});
