import { listCases } from '@agentwire/transport-compliance';
import { expect, test } from 'vitest';
import { COLUMNS } from './columns.ts';
import { runTable, tableText } from './table.ts';

const cases = listCases();

test('the table has every transport, and those that an agent can dial in both directions', () => {
  const dialled = ['memory', 'unix', 'tcp', 'tls', 'ws'];
  const reverse = dialled.map((name) => `reverse-${name}`);
  expect(COLUMNS.map(({ name }) => name)).toEqual([...dialled, 'grpc', 'grpc+unix', ...reverse]);
});

test('cases run over the transports, and a failure is reported and shown', async () => {
  const first = cases.find(({ id }) => id === 'open.once');
  if (first === undefined) return expect.unreachable('the kit has that case');
  const broken = { ...first, id: 'open.broken', run: () => Promise.reject(new Error('no')) };
  const malformed = { ...first, id: 'open.malformed', needs: ['malform'] as const };
  const columns = COLUMNS.filter(({ name }) => name === 'unix' || name === 'reverse-unix');
  const failed: string[] = [];
  const chosen = [first, broken, malformed];
  const outcomes = await runTable(columns, chosen, (column, id) => void failed.push(`${column} ${id}`));
  expect(failed).toEqual(['unix open.broken', 'reverse-unix open.broken']);
  expect(tableText(outcomes, chosen, true).split('\n')).toEqual([
    '                unix   reverse-unix',
    'open.once       ✓      ✓',
    'open.broken     FAILS  FAILS',
    'open.malformed  –      –',
  ]);
  expect(tableText(outcomes, chosen, false).split('\n')[1]).toBe('open  1 of 2  1 of 2');
});

test('what holds everywhere is a mark and a number', () => {
  const held = new Map([['unix', new Map(cases.map(({ id }) => [id, 'ok'] as const))]]);
  expect(tableText(held, cases, false).split('\n').at(-1)).toMatch(new RegExp(`^all +✓ ${cases.length}$`));
});
