import { AgentwireError } from '@agentwire/core';
import { createLineLogger } from '@agentwire/core/internal';
import { expect, test } from 'vitest';

test('a stack is on lines of its own for a terminal, and on the line itself for programs', () => {
  const lines: string[] = [];
  const log = (multiline: boolean): void =>
    createLineLogger((text) => lines.push(text), { multiline }).error(
      { err: new Error('a "boom"\u001b'), id: 1 },
      'failed',
    );
  log(true);
  log(false);
  const [many = '', one = ''] = lines.map((text) =>
    text.split('\n').length === 1 ? text : text.slice(text.indexOf('error')),
  );
  expect(many).toMatch(/^error failed err="a \\"boom\\"\\u001b" id=1\n    Error: a "boom"\\u001b\n        at /);
  expect(one).toContain('\\n    at ');
  expect(one).not.toContain('\n');
});

test('on a terminal too, an error of agentwire in a warning has no stack', () => {
  const lines: string[] = [];
  const logger = createLineLogger((text) => lines.push(text), { multiline: true });
  logger.warn({ err: new AgentwireError('ERR_CLOSED', 'gone') }, 'failed');
  expect(lines).toEqual([expect.stringMatching(/failed err="gone"$/)]);
});
