const VARIABLE = /\$\$|\$\{([^}]*)\}/g;
const NAME = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/** Returns what a plain YAML value would be: a number, `true`, `false`, or text. */
function typed(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(text) ? Number(text) : text;
}

/**
 * Replaces `${NAME}` and `${NAME:-default}` with variables of the environment, and `$$` with `$`.
 *
 * @param plain set where the value is not quoted, so that a number stays one
 * @returns an error for a variable that is not set and has no default
 */
export function substituted(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
  plain: boolean,
): string | number | boolean | Error {
  let error: Error | undefined;
  let count = 0;
  const result = text.replaceAll(VARIABLE, (whole, inner: string | undefined) => {
    if (inner === undefined) return '$';
    const [, name = '', fallback] = NAME.exec(inner) ?? [];
    count += 1;
    // an empty variable has its default too, as in a shell
    const given = Object.hasOwn(env, name) ? env[name] : undefined;
    const value = fallback === undefined ? given : given || fallback;
    if (value !== undefined && name !== '') return value;
    error ??= new Error(
      name === ''
        ? `has ${whole}, which is neither \${NAME} nor \${NAME:-default}; write $$ for a dollar sign`
        : `needs the environment variable ${name}, which is not set; write \${${name}:-default} for a default`,
    );
    return whole;
  });
  if (error !== undefined) return error;
  return count > 0 && plain ? typed(result) : result;
}
