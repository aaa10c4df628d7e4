/** JSON Schema (draft 7) of the values that a check accepts. */
export type OptionSchema = Readonly<Record<string, unknown>>;

/** Check of one option: throws `ERR_INVALID_ARGUMENT` that names the option, unless `value` is right. */
export interface OptionCheck {
  (name: string, value: unknown): void;
  /** Schema of the values that it accepts; absent where no file can have such a value. See `described`. */
  readonly schema?: (() => OptionSchema | undefined) | undefined;
}

/** Row of an options table: the check of a value, and the default where the option has one. The name carries the unit. */
export interface OptionRow<T> {
  readonly check: OptionCheck;
  readonly default?: T | undefined;
}

/**
 * Adds to a check the schema of what it accepts. A check without one is of values that no file can have: functions, objects of a program.
 *
 * @param schema is called when a schema is asked for; `undefined` for none
 */
export function described(schema: () => OptionSchema | undefined, check: OptionCheck): OptionCheck {
  return Object.assign(check, { schema });
}

/** Returns the schema of what a row accepts, with its default; `undefined` where no file can have such a value. */
export function schemaOf(row: OptionCheck | OptionRow<unknown>): OptionSchema | undefined {
  const check = typeof row === 'function' ? row : row.check;
  const schema = check.schema?.();
  const value = typeof row === 'function' ? undefined : row.default;
  // JSON has no Infinity
  return schema === undefined || value === undefined || value === Infinity ? schema : { ...schema, default: value };
}

/** Returns the schema of an object with the options of a table that a file can have. */
export function tableSchema(
  table: Readonly<Record<string, OptionCheck | OptionRow<unknown>>>,
  required: readonly string[] = [],
): OptionSchema {
  const properties = Object.entries(table).flatMap(([key, row]) => {
    const schema = schemaOf(row);
    return schema === undefined ? [] : [[key, schema] as const];
  });
  return {
    type: 'object',
    properties: Object.fromEntries(properties),
    ...(required.length > 0 && { required }),
    additionalProperties: false,
  };
}
