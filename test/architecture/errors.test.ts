import { readFileSync } from 'node:fs';
import { ERROR_CODES } from '@agentwire/core';
import { expect, test } from 'vitest';

test('docs/errors.md has a row for each code, with what core says of it', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `(ERR_\w+)`\s+\| (yes|no)\s+\| (.*?)\s+\| /gm)].map(
    ([, code, retryable, means]) => [code, retryable, means],
  );
  const expected = Object.entries(ERROR_CODES).map(([code, { retryable, means }]) => [
    code,
    retryable ? 'yes' : 'no',
    means,
  ]);
  expect(rows).toEqual(expected);
});
