import type { StandardSchema } from './contract.ts';

/** Characters of a schema, as JSON, that another node is told at most. */
const MAX_SCHEMA = 16 * 1024;

const written = new WeakMap<StandardSchema, string | undefined>();

/**
 * Writes what a Standard Schema takes as JSON Schema of draft 2020-12; undefined for one that cannot say it, or in more than 16 384 characters.
 *
 * It is asked by `~standard.jsonSchema` of Standard JSON Schema, else by its method `toJSONSchema` or `toJsonSchema`; once for each schema.
 */
export function writeJsonSchema(schema: StandardSchema): string | undefined {
  if (!written.has(schema)) written.set(schema, ask(schema));
  return written.get(schema);
}

interface Speaking {
  readonly '~standard': { readonly jsonSchema?: { readonly input?: (how: { readonly target: string }) => unknown } };
  readonly toJSONSchema?: () => unknown;
  readonly toJsonSchema?: () => unknown;
}

function ask(schema: StandardSchema): string | undefined {
  try {
    const speaking = schema as StandardSchema & Speaking;
    const { jsonSchema } = speaking['~standard'];
    const given =
      jsonSchema?.input === undefined
        ? (speaking.toJSONSchema?.() ?? speaking.toJsonSchema?.())
        : jsonSchema.input({ target: 'draft-2020-12' });
    const text: unknown = JSON.stringify(given);
    return typeof text === 'string' && text.length <= MAX_SCHEMA ? text : undefined;
  } catch {
    // a library that cannot say this schema as JSON Schema throws.
    return undefined;
  }
}
