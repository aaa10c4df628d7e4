import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/index.ts';
import { misfit, type StandardSchema, writeJsonSchema } from '../../src/internal.ts';

const person = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 3 },
    age: { type: 'integer', minimum: 0, exclusiveMaximum: 150 },
    tags: { type: 'array', items: { enum: ['a', 'b'] }, maxItems: 2 },
    next: { anyOf: [{ $ref: '#' }, { type: 'null' }] },
    kind: { const: 'person' },
    place: { allOf: [{ $ref: '#/$defs/place' }] },
  },
  required: ['name'],
  additionalProperties: false,
  $defs: { place: { prefixItems: [{ type: 'number' }], items: { type: 'string' } } },
};

describe('a schema that another node announces', () => {
  it.each<[JsonValue, string | undefined]>([
    [{ name: 'ann' }, undefined],
    [{ name: '😀😀😀' }, undefined],
    [{ name: 'anna' }, 'name'],
    [{ name: '' }, 'name'],
    [{}, 'name'],
    [[], '(root)'],
    ['ann', '(root)'],
    [{ name: 'a', age: 1.5 }, 'age'],
    [{ name: 'a', age: 150 }, 'age'],
    [{ name: 'a', age: -1 }, 'age'],
    [{ name: 'a', tags: ['a', 'c'] }, 'tags.1'],
    [{ name: 'a', tags: ['a', 'b', 'a'] }, 'tags'],
    [{ name: 'a', next: { name: 'b', next: null } }, undefined],
    [{ name: 'a', next: { name: 1 } }, 'next'],
    [{ name: 'a', kind: 'dog' }, 'kind'],
    [{ name: 'a', place: [1, 'x', 'y'] }, undefined],
    [{ name: 'a', place: [1, 'x', 2] }, 'place.2'],
    [{ name: 'a', other: 1 }, 'other'],
    [JSON.parse('{"name":"a","__proto__":1}') as JsonValue, '__proto__'],
  ])('finds the place at which %j does not fit', (value, path) => {
    expect(misfit(person, value)).toBe(path);
  });

  it('has no regular expression that is run, and leaves to the receiver what it does not know', () => {
    const value = 'a'.repeat(50);
    for (const schema of [
      { pattern: '^(a+)+$b' },
      { patternProperties: { '(a+)+$': false }, additionalProperties: false },
      { not: {} },
      { if: true, else: false },
      { type: 'colour' },
      { $ref: 'https://example.com/schema' },
      { $ref: '#/properties/constructor' },
      { enum: [{ deep: true }] },
      { minLength: 'x', required: 'x', properties: [], items: 7, anyOf: {}, type: {} },
      null,
      7,
    ] as JsonValue[]) {
      expect(misfit(schema, value)).toBeUndefined();
      expect(misfit(schema, { [value]: 1 })).toBeUndefined();
    }
    expect(misfit(false, value)).toBe('(root)');
  });

  it('ends in time, whatever it says', () => {
    const bomb = { anyOf: [{ $ref: '#' }, { $ref: '#' }], allOf: [{ $ref: '#' }, { $ref: '#' }], items: { $ref: '#' } };
    const many = { items: { required: Array.from({ length: 300 }, (_, n) => `k${n}`), maxLength: 1 } };
    const long = 'x'.repeat(1_000_000);
    const value = Array.from({ length: 100_000 }, (): JsonValue => ({}));
    const started = process.cpuUsage();
    misfit(bomb, [[[[1]]]]);
    misfit({ ...bomb, properties: { a: { $ref: '#' } } }, { a: { a: { a: 1 } } });
    misfit(many, value);
    misfit({ anyOf: Array.from({ length: 300 }, () => ({ maxLength: 1 })) }, long);
    const { user } = process.cpuUsage(started);
    expect(user / 1000).toBeLessThan(2000);
  });

  it('never throws and never refuses what an empty one takes (property)', () => {
    const json = fc.jsonValue({ maxDepth: 5 }) as fc.Arbitrary<JsonValue>;
    const keyword = fc.constantFrom(
      'type',
      'enum',
      'const',
      'required',
      'properties',
      'items',
      'anyOf',
      'allOf',
      '$ref',
    );
    const rules = fc.dictionary(keyword, json, { maxKeys: 5 }) as fc.Arbitrary<JsonValue>;
    fc.assert(
      fc.property(rules, json, (schema, value) => {
        expect(['string', 'undefined']).toContain(typeof misfit(schema, value));
        expect(misfit({ type: typeNames(value) }, value)).toBeUndefined();
        expect(misfit({ anyOf: [schema, {}] }, value)).toBeUndefined();
      }),
    );
  });

  it('is written by what the library offers, once, and left out when it cannot be', () => {
    let asked = 0;
    const standard = { version: 1, vendor: 'test', validate: (value: unknown) => ({ value }) } as const;
    const input = (): object => ((asked += 1), { type: 'number' });
    const own = { '~standard': { ...standard, jsonSchema: { input } } } as StandardSchema;
    expect([writeJsonSchema(own), writeJsonSchema(own), asked]).toEqual(['{"type":"number"}', '{"type":"number"}', 1]);
    const other = (more: object): StandardSchema => ({ '~standard': standard, ...more });
    expect(writeJsonSchema(other({ toJSONSchema: () => ({ type: 'string' }) }))).toBe('{"type":"string"}');
    expect(writeJsonSchema(other({ toJsonSchema: () => ({ type: 'null' }) }))).toBe('{"type":"null"}');
    const broken = (): never => {
      throw new Error('has no JSON Schema');
    };
    expect(writeJsonSchema(other({ toJSONSchema: broken }))).toBeUndefined();
    expect(writeJsonSchema(other({}))).toBeUndefined();
    expect(writeJsonSchema(other({ toJSONSchema: () => ({ description: 'd'.repeat(20_000) }) }))).toBeUndefined();
  });
});

function typeNames(value: JsonValue): string[] {
  if (value === null) return ['null'];
  if (Array.isArray(value)) return ['array'];
  return typeof value === 'number' ? ['number', 'boolean'] : [typeof value];
}
