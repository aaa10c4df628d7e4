import type { OptionSchema } from '@agentwire/core/internal';
import type { Section } from './annotate.ts';

const INTRO = `# The gateway's file

Every key of the file of \`agentwire gateway --config FILE\`. This page is generated from the tables that check a file (\`pnpm generate\`), as is the
JSON Schema. For completion in an editor, write the schema beside your file with \`agentwire gateway --schema > gateway.schema.json\`, and begin the
file with:

\`\`\`yaml
# yaml-language-server: $schema=./gateway.schema.json
\`\`\`

In place of any value, \`\${NAME}\` and \`\${NAME:-default}\` are variables of the environment. The schema does not see what needs the whole file, such as
names of agents that do not exist: \`agentwire gateway --check FILE\` does. [The README](../packages/gateway/README.md#as-a-file) has an example.
`;

const UNITS: readonly (readonly [RegExp, string])[] = [
  [/Ms$/, 'ms'],
  [/BytesPerSecond$/, 'bytes/s'],
  [/Bytes$/, 'bytes'],
  [/PerSecond$/, 'per s'],
];

const number = (value: unknown): string =>
  typeof value === 'number' ? value.toLocaleString('en').replaceAll(',', ' ') : JSON.stringify(value);

/** Returns the alternatives of a schema, without variables. */
function alternatives(schema: OptionSchema): OptionSchema[] {
  if (!Array.isArray(schema['anyOf'])) return schema['$ref'] === undefined ? [schema] : [];
  return (schema['anyOf'] as OptionSchema[]).flatMap(alternatives);
}

function typeOf(schema: OptionSchema): string {
  const types = alternatives(schema).map((one) => {
    if (Array.isArray(one['enum'])) return 'text';
    if (one['const'] !== undefined) return `\`${JSON.stringify(one['const']).replaceAll('"', '')}\``;
    if (one['type'] === 'array') return `list of ${typeOf(one['items'] as OptionSchema)}`;
    if (one['type'] === 'object' && one['properties'] === undefined) return 'object by name';
    return one['type'] === 'string' ? 'text' : String(one['type']);
  });
  return [...new Set(types)].join(' or ');
}

function limitsOf(schema: OptionSchema): string {
  const limits = alternatives(schema).flatMap((one) => {
    if (Array.isArray(one['enum'])) return [(one['enum'] as string[]).map((word) => `\`${word}\``).join(', ')];
    const { minimum, maximum } = one;
    if (minimum === undefined) return [];
    return [
      maximum === Number.MAX_SAFE_INTEGER ? `from ${number(minimum)}` : `${number(minimum)} to ${number(maximum)}`,
    ];
  });
  return limits.join('; ');
}

function rowOf(name: string, schema: OptionSchema, isRequired: boolean): string {
  const unit = UNITS.find(([pattern]) => pattern.test(name))?.[1];
  const type = `${typeOf(schema)}${unit === undefined ? '' : `, ${unit}`}`;
  const { default: fallback, description = '' } = schema;
  const shown =
    fallback === undefined ? '' : typeof fallback === 'number' ? number(fallback) : `\`${JSON.stringify(fallback)}\``;
  const cells = [`\`${name}\``, type, isRequired ? 'needed' : shown, limitsOf(schema), String(description)];
  return `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`;
}

/** Returns the page with every key of a gateway's file. */
export function pageOf(sections: readonly Section[]): string {
  const tables = sections.map(({ path, members, required }) => {
    const title = path === '' ? 'Keys of the file' : `\`${path}\``;
    const rows = Object.entries(members).map(([name, schema]) => rowOf(name, schema, required.includes(name)));
    return [`## ${title}`, '', '| key | type | default | limits | meaning |', '|---|---|---|---|---|', ...rows].join(
      '\n',
    );
  });
  return `${INTRO}\n${tables.join('\n\n')}\n`;
}
