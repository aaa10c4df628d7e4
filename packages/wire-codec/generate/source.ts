import type { PlacedField } from '../src/messages/struct.ts';
import { ANSWER_VERSION } from '../src/messages/answer.ts';
import { DECISION, HOT_EVENTS, objectOfEvent, structOf, title, type GeneratedFormat } from './formats.ts';
import { literalsOf, objectOf, ReaderSource, type Lead } from './readers.ts';
import { jsonChunk, jsonObject, MsgpackSource } from './writers.ts';

type Order = (fields: readonly PlacedField[]) => readonly PlacedField[];

const asListed: Order = (fields) => fields;
/** The crate builds JSON events through a sorted map. */
const sorted: Order = (fields) => fields.toSorted((a, b) => (a.name < b.name ? -1 : 1));

const isVersion = (format: GeneratedFormat): string =>
  format.encoding === 'json' ? String(ANSWER_VERSION) : String.fromCharCode(ANSWER_VERSION);

function readEvent(
  type: (typeof HOT_EVENTS)[number],
  format: GeneratedFormat,
  order: Order,
  suffix: string,
  literals: Map<string, string>,
): string[] {
  const struct = structOf(type);
  const idInside = type === 'requestHeaders' && format.dialect === 'zentinel';
  const dropTop: Order = (fields) =>
    order(fields.filter((field) => !(idInside && format.encoding === 'msgpack' && field.property === 'id')));
  const source = new ReaderSource(format, literals, dropTop);
  source.struct(struct, 'v');
  source.flush();
  // of the two ids of the zentinel dialect the one in the metadata counts
  const lines = source.lines.map((line) => (idInside ? line.replace('const vId = ', '') : line));
  const { dialect } = format;
  const object = objectOfEvent(struct, dialect, idInside ? 'vMetadataCorrelationId' : 'vId');
  return [
    `export function read${title(type)}${suffix}(r: Reader, end: number): ${title(type)} | undefined {`,
    ...lines.map((line) => `  ${line}`),
    `  return r.ok && r.pos === end ? { type: '${type}', ${object} } : undefined;`,
    '}',
  ];
}

function leadsOf(format: GeneratedFormat): readonly Lead[] {
  return format.dialect === 'documented'
    ? [{ name: 'request_id', variable: 'id' }]
    : [{ name: 'version', constant: isVersion(format) }];
}

function readAnswer(format: GeneratedFormat, literals: Map<string, string>): string[] {
  const source = new ReaderSource(format, literals, asListed);
  source.struct(DECISION, 'v', leadsOf(format));
  source.flush();
  const has = new Set(DECISION.fields(format.dialect).map((field) => field.property));
  return [
    'export function readAnswer(r: Reader, end: number): Answer | undefined {',
    ...source.lines.map((line) => `  ${line}`),
    '  if (!r.ok || r.pos !== end) return undefined;',
    `  return { type: 'answer', id, decision: ${objectOf(DECISION, 'v', false, (property) => has.has(property))} };`,
    '}',
  ];
}

const idOf = (format: GeneratedFormat): readonly string[] =>
  format.dialect === 'zentinel'
    ? ['const id = String(m.id);']
    : ['const { id } = m;', "if (typeof id !== 'number' || !Number.isSafeInteger(id) || id < 0) return undefined;"];

const anyOf = (conditions: readonly string[]): string =>
  conditions.map((one) => (one.includes('&&') ? `(${one})` : one)).join(' || ');

const guard = (conditions: readonly string[]): readonly string[] =>
  conditions.length === 0 ? [] : [`if (${anyOf(conditions)}) return undefined;`];

const declineIf = (conditions: readonly string[]): readonly string[] =>
  conditions.length === 0 ? [] : [`if (${anyOf(conditions)}) { w.declined = true; return; }`];

function writeJsonEvent(type: (typeof HOT_EVENTS)[number], format: GeneratedFormat): string[] {
  const struct = structOf(type);
  const guards: string[] = [];
  const expression =
    type === 'requestHeaders' || type === 'responseHeaders'
      ? `JSON.stringify(${jsonObject(struct, 'm', format, guards)})`
      : jsonChunk(struct, format);
  return [
    `export function write${title(type)}(m: ${title(type)}): string | undefined {`,
    ...[...idOf(format), ...guard(guards), `return ${expression};`].map((line) => `  ${line}`),
    '}',
  ];
}

function writeJsonAnswer(format: GeneratedFormat): string[] {
  const guards: string[] = [];
  const leads = format.dialect === 'documented' ? ['request_id: id'] : [`version: ${ANSWER_VERSION}`];
  const object = jsonObject(DECISION, 'd', format, guards, leads);
  if (format.dialect === 'zentinel') guards.push('d.error !== undefined');
  const audit = format.dialect === 'documented' ? 'const { audit } = d;' : 'const audit: Audit = d.audit ?? {};';
  return [
    'export function writeAnswer(m: Answer): string | undefined {',
    ...[...idOf(format), 'const d = m.decision;', ...guard(guards), audit, `return JSON.stringify(${object});`].map(
      (line) => `  ${line}`,
    ),
    '}',
  ];
}

function writeMsgpackEvent(type: (typeof HOT_EVENTS)[number], format: GeneratedFormat): string[] {
  const source = new MsgpackSource(format);
  source.oneIdInside = type === 'requestHeaders';
  source.struct(structOf(type), 'm');
  const { statements } = source;
  const id = idOf(format)[0] ?? '';
  return [
    `export function write${title(type)}(w: MsgpackWriter, m: ${title(type)}): void {`,
    ...[id, 'w.begin();', ...declineIf(source.guards), ...statements].map((line) => `  ${line}`),
    '}',
  ];
}

function writeMsgpackAnswer(format: GeneratedFormat): string[] {
  const source = new MsgpackSource(format);
  const documented = format.dialect === 'documented';
  source.struct(DECISION, 'd', [
    documented ? { name: 'request_id', call: ['number', 'id'] } : { name: 'version', constant: isVersion(format) },
  ]);
  const { statements } = source;
  const guards = documented ? source.guards : [...source.guards, 'd.error !== undefined'];
  const [inAudit, others] = [
    guards.filter((one) => one.startsWith('audit.')),
    guards.filter((one) => !one.startsWith('audit.')),
  ];
  const audit = documented ? [] : ['const audit: Audit = d.audit ?? {};', ...declineIf(inAudit)];
  return [
    'export function writeAnswer(w: MsgpackWriter, m: Answer): void {',
    ...[
      idOf(format)[0] ?? '',
      'const d = m.decision;',
      'w.begin();',
      ...declineIf(others),
      ...audit,
      ...statements,
    ].map((line) => `  ${line}`),
    '}',
  ];
}

function doc(lines: readonly string[], text: string): string {
  return [`/** ${text} */`, '// prettier-ignore', ...lines].join('\n');
}

/** An import of types, on one line where prettier leaves it there. */
function typesFrom(module: string, names: readonly string[]): string {
  const line = `import type { ${names.join(', ')} } from '${module}';`;
  if (line.length <= 120) return line;
  return ['import type {', ...names.map((name) => `  ${name},`), `} from '${module}';`].join('\n');
}

function imports(body: string, format: GeneratedFormat): string[] {
  const json = format.encoding === 'json';
  const known: readonly [module: string, names: readonly string[], types: readonly string[]][] = [
    [
      '@agentwire/core',
      [],
      ['Answer', 'Audit', 'RequestBodyChunk', 'RequestHeaders', 'ResponseBodyChunk', 'ResponseHeaders'],
    ],
    ['../json/base64.ts', ['encodeBase64'], []],
    ['../messages/byte-reader.ts', ['literal'], []],
    ['../messages/decision-codecs.ts', ['verdict'], []],
    ['../messages/wire-format.ts', [], ['WireFormat']],
    ['../messages/header-codecs.ts', ['headerOps', 'writeMulti', 'writePairs'], []],
    json
      ? ['../json/json-reader.ts', [], ['JsonReader as Reader']]
      : ['../msgpack/msgpack-reader.ts', [], ['MsgpackReader as Reader']],
    ['../msgpack/msgpack-writer.ts', [], ['MsgpackWriter']],
  ];
  const plain = body.replaceAll(/'[^']*'|\/\*\*.*?\*\//g, '');
  const used = (name: string): boolean =>
    new RegExp(name === 'verdict' ? 'verdict\\.write' : `\\b${name.split(' ').at(-1) ?? name}\\b`).test(plain);
  return known.flatMap(([module, names, types]) => {
    const lines: string[] = [];
    const values = names.filter(used);
    const kept = types.filter(used);
    if (values.length > 0) lines.push(`import { ${values.join(', ')} } from '${module}';`);
    if (kept.length > 0) lines.push(typesFrom(module, kept));
    return lines;
  });
}

/** The source of one generated file. */
export function sourceOf(format: GeneratedFormat): string {
  const literals = new Map<string, string>();
  const { dialect, encoding } = format;
  const parts: string[] = [];
  for (const type of HOT_EVENTS) {
    parts.push(
      doc(readEvent(type, format, asListed, '', literals), `Reads the canonical form of a ${type}, or declines.`),
    );
    if (dialect === 'zentinel' && encoding === 'json') {
      parts.push(
        doc(readEvent(type, format, sorted, 'Sorted', literals), `Reads a ${type} with its names sorted, or declines.`),
      );
    }
    const lines = encoding === 'json' ? writeJsonEvent(type, format) : writeMsgpackEvent(type, format);
    parts.push(doc(lines, `Writes a ${type}, or declines.`));
  }
  parts.push(doc(readAnswer(format, literals), 'Reads the canonical form of an answer, or declines.'));
  parts.push(
    doc(encoding === 'json' ? writeJsonAnswer(format) : writeMsgpackAnswer(format), 'Writes an answer, or declines.'),
  );
  const body = parts.join('\n\n');
  const constants = /\bFORMAT\b/.test(body)
    ? [`const FORMAT: WireFormat = { dialect: '${dialect}', encoding: '${encoding}', errors: false };`]
    : [];
  const shared = literalsOf(literals).map((line) => `// prettier-ignore\n${line}`);
  return [
    '// Generated from the table in ../messages by `pnpm generate`; do not edit.',
    ...imports([body, ...constants, ...shared].join('\n'), format),
    '',
    ...constants,
    ...shared,
    '',
    body,
    '',
  ].join('\n');
}

/** Path of a generated file, from the package's folder. */
export const pathOf = (format: GeneratedFormat): string => `src/generated/${format.dialect}-${format.encoding}.ts`;
