import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { HeaderMap } from '../src/index.ts';

test('a printed map shows its headers, and hides what carries secrets', () => {
  const map = new HeaderMap([
    'Host',
    'a.test',
    'Accept',
    'x',
    'accept',
    'y',
    'Authorization',
    'Bearer abc',
    'X-Api-Key',
    'k',
  ]);
  map.append('Set-Cookie', 'a=1');
  expect(inspect({ headers: map })).toBe(
    `{
  headers: HeaderMap {
    host: 'a.test',
    accept: [ 'x', 'y' ],
    authorization: '[hidden]',
    'x-api-key': '[hidden]',
    'set-cookie': '[hidden]'
  }
}`,
  );
  expect(inspect(new HeaderMap({ host: 'b' }))).toBe("HeaderMap { host: 'b' }");
});
