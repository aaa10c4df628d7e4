import { readFileSync } from 'node:fs';
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { main } from '../src/main.ts';

test('agentwire gateway --schema prints the schema of its package', async () => {
  let text = '';
  const stdout = new Writable({ write: (part: Buffer, _, done) => ((text += part.toString()), done()) });
  expect(await main(['gateway', '--schema'], { stdout, stderr: stdout })).toBe(0);
  const schema = new URL('../../gateway/gateway.schema.json', import.meta.url);
  expect(JSON.parse(text)).toEqual(JSON.parse(readFileSync(schema, 'utf8')));
});
