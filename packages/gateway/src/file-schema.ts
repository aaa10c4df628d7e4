import { type OptionSchema, tableSchema } from '@agentwire/core/internal';
import { FILE_TABLE } from './gateway-file.ts';

const VARIABLE: OptionSchema = { $ref: '#/definitions/variable' };

const TYPED: ReadonlySet<unknown> = new Set(['integer', 'number', 'boolean']);

/** Returns a schema that takes a variable of the environment too, where it would refuse one: a variable is text. */
function withVariables(schema: OptionSchema): OptionSchema {
  const { default: fallback, ...rest } = schema;
  const value = fallback === undefined ? {} : { default: fallback };
  if (TYPED.has(rest['type']) || rest['enum'] !== undefined || rest['pattern'] !== undefined)
    return { anyOf: [rest, VARIABLE], ...value };
  const inner: [string, unknown][] = Object.entries(rest).map(([key, one]) => {
    if (key === 'anyOf') return [key, (one as OptionSchema[]).map(withVariables)];
    if (key === 'items' || (key === 'additionalProperties' && one !== false))
      return [key, withVariables(one as OptionSchema)];
    if (key !== 'properties') return [key, one];
    const properties = Object.entries(one as Record<string, OptionSchema>);
    return [key, Object.fromEntries(properties.map(([name, property]) => [name, withVariables(property)]))];
  });
  return { ...Object.fromEntries(inner), ...value };
}

/** Returns the JSON Schema (draft 7) of a gateway's file: that of the tables which check it, and variables in place of values. */
export function gatewayFileSchema(): OptionSchema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'agentwire gateway',
    ...withVariables(tableSchema(FILE_TABLE)),
    definitions: {
      variable: { type: 'string', pattern: String.raw`\$\{[A-Za-z_]`, description: 'Variable of the environment' },
    },
  };
}
