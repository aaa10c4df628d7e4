import type { PlacedField, Struct } from '../src/messages/struct.ts';
import { inner, isOmitted, quoted, written, type GeneratedFormat } from './formats.ts';

/** Codecs whose values a JSON wire object holds unchanged. */
const AS_IS = new Set([
  'text',
  'method',
  'uri',
  'u16',
  'u32',
  'u64',
  'status',
  'bool',
  'f32',
  'list(text)',
  'anyMap',
  'textMap',
]);

const NUMBERS = new Set(['u16', 'u32', 'u64', 'status']);

/** Method of a `MsgpackWriter`, and the value that it writes. */
type Call = readonly [method: string, value: string];

/** Methods with a parameter for constant bytes in front of the value. */
const WITH_KEY: ReadonlySet<string> = new Set(['text', 'uint', 'number']);

const isId = (field: PlacedField, format: GeneratedFormat): boolean =>
  field.field.codec.name === 'id' || (format.dialect === 'zentinel' && field.name === 'correlation_id');

const orElse = (field: PlacedField, value: string): string => {
  if (typeof field.absent !== 'object') return value;
  return `${value} ?? ${JSON.stringify(written(field))}`;
};

/** Source of the wire object of a structure, for `JSON.stringify`. */
export function jsonObject(
  struct: Struct<object>,
  of: string,
  format: GeneratedFormat,
  guards: string[],
  leads: readonly string[] = [],
): string {
  const parts = struct.fields(format.dialect).flatMap((field) => {
    const value = `${of}.${field.property}`;
    const { name } = field.field.codec;
    const nested = inner(field);
    if (isId(field, format)) return [`${field.name}: id`];
    if (nested !== undefined) {
      if (!isOmitted(field) && typeof field.absent !== 'object')
        return [`${field.name}: ${jsonObject(nested, value, format, guards)}`];
      const object = jsonObject(nested, field.property, format, guards);
      return [
        `${field.name}: ${isOmitted(field) ? `${field.property} === undefined ? undefined : ${object}` : object}`,
      ];
    }
    if (name === 'anyMap' && format.dialect === 'zentinel')
      return [`${field.name}: { ...${value}, correlation_id: id }`];
    if (AS_IS.has(name)) return [`${field.name}: ${orElse(field, value)}`];
    if (name === 'headers')
      return [`${field.name}: ${format.dialect === 'documented' ? 'writePairs' : 'writeMulti'}(${value})`];
    if (name === 'headerOps') return [`${field.name}: ${value} === undefined ? [] : headerOps.write(${value}, FORMAT)`];
    if (name === 'verdict') return [`${field.name}: verdict.write(${value}, FORMAT)`];
    guards.push(`${value} !== undefined`);
    return typeof field.absent === 'object' ? [`${field.name}: ${JSON.stringify(written(field))}`] : [];
  });
  return `{ ${[...leads, ...parts].join(', ')} }`;
}

/** Source of the JSON text of a body chunk: its long text needs no escaping, so it is not stringified. */
export function jsonChunk(struct: Struct<object>, format: GeneratedFormat): string {
  let pending = '{';
  const parts: string[] = [];
  const add = (expression: string): void => {
    if (pending !== '') parts.push(quoted(pending));
    parts.push(expression);
    pending = '';
  };
  struct.fields(format.dialect).forEach((field, index) => {
    const key = `${index === 0 ? '' : ','}"${field.name}":`;
    const value = `m.${field.property}`;
    if (isOmitted(field) && format.dialect === 'documented') {
      add(`(${value} === undefined ? '' : ${quoted(key)} + ${value})`);
      return;
    }
    pending += key;
    if (isId(field, format)) add(format.dialect === 'documented' ? 'id' : 'JSON.stringify(id)');
    else if (field.field.codec.name === 'bytes') {
      pending += '"';
      add(`encodeBase64(${value})`);
      pending += '"';
    } else if (written(field) === 0) add(`(${value} ?? m.data.length)`);
    else if (typeof field.absent === 'object') add(`(${value} ?? null)`);
    else add(value);
  });
  return [...parts, quoted(`${pending}}`)].join(' + ');
}

/** Writes the statements that build a structure's MessagePack. */
export class MsgpackSource {
  readonly guards: string[] = [];
  readonly #format: GeneratedFormat;
  readonly #parts: string[] = [];
  #pending = '';

  constructor(format: GeneratedFormat) {
    this.#format = format;
  }

  #flush(): void {
    if (this.#pending !== '') this.#parts.push(`w.constant(${quoted(this.#pending)});`);
    this.#pending = '';
  }

  #add(statement: string): void {
    this.#flush();
    this.#parts.push(statement);
  }

  /** Adds a call that writes one value; texts and numbers take the constant part in front of them along. */
  #write([method, value]: Call): void {
    if (!WITH_KEY.has(method)) return this.#add(`w.${method}(${value});`);
    this.#parts.push(`w.${method}(${quoted(this.#pending)}, ${value});`);
    this.#pending = '';
  }

  /** Adds the call that writes one value, or a null in place of one that is absent. */
  #writeOrNull([method, value]: Call): void {
    const [absent, before] = [quoted(`${this.#pending}\xc0`), quoted(this.#pending)];
    this.#parts.push(`if (${value} === undefined) w.constant(${absent}); else w.${method}(${before}, ${value});`);
    this.#pending = '';
  }

  get statements(): readonly string[] {
    this.#flush();
    return this.#parts;
  }

  constant(text: string): void {
    this.#pending += text;
  }

  struct(
    struct: Struct<object>,
    of: string,
    leads: readonly { readonly name: string; readonly call?: Call; readonly constant?: string }[] = [],
  ): void {
    const fields = struct.fields(this.#format.dialect).filter((field) => !this.#skipped(field));
    const rare = fields.filter(
      (field) => isOmitted(field) && inner(field) === undefined && this.#value(field, of) === undefined,
    );
    for (const field of rare) this.guards.push(`${of}.${field.property} !== undefined`);
    const kept = fields.filter((field) => !rare.includes(field));
    const omitted = kept.filter(isOmitted);
    const count = kept.length - omitted.length + leads.length;
    if (kept.length + leads.length > 15) throw new Error(`${of} has more members than a head of one byte tells`);
    if (omitted.length === 0) this.#pending += String.fromCharCode(0x80 | count);
    else
      this.#add(
        `w.byte(${[`0x8${count.toString(16)}`, ...omitted.map((field) => `(${of}.${field.property} === undefined ? 0 : 1)`)].join(' + ')});`,
      );
    for (const lead of leads) {
      this.#pending += key(lead.name) + (lead.constant ?? '');
      if (lead.call !== undefined) this.#write(lead.call);
    }
    for (const field of kept) this.#field(field, of);
  }

  /** Skips the outer id of a request: the crate's reader takes exactly one correlation id, the one in the metadata. */
  #skipped(field: PlacedField): boolean {
    return this.#format.dialect === 'zentinel' && field.property === 'id' && this.oneIdInside;
  }

  oneIdInside = false;

  #field(field: PlacedField, of: string): void {
    const value = `${of}.${field.property}`;
    const nested = inner(field);
    if (isOmitted(field)) {
      const own = new MsgpackSource(this.#format);
      own.constant(key(field.name));
      if (nested !== undefined) own.struct(nested, value);
      const call = this.#value(field, of);
      if (call !== undefined) own.#write(call);
      this.guards.push(...own.guards.map((guard) => `${value} !== undefined && ${guard}`));
      this.#add(`if (${value} !== undefined) { ${own.statements.join(' ')} }`);
      return;
    }
    this.#pending += key(field.name);
    if (nested !== undefined) {
      this.struct(nested, typeof field.absent === 'object' ? field.property : value);
      return;
    }
    const { name } = field.field.codec;
    const call = this.#value(field, of);
    if (call !== undefined) {
      const isNullable = typeof field.absent === 'object' && written(field) === null && WITH_KEY.has(call[0]);
      if (isNullable && !isId(field, this.#format)) this.#writeOrNull(call);
      else this.#write(call);
      return;
    }
    this.guards.push(`${value} !== undefined`);
    if (name === 'anyMap') {
      this.#pending += '\x81\xaecorrelation_id';
      this.#write(['text', 'id']);
    } else this.#pending += written(field) === null ? '\xc0' : '\x80';
  }

  /** Returns the call that writes a value; `undefined` for a structure, and for what is left to the reference. */
  #value(field: PlacedField, of: string): Call | undefined {
    const value = `${of}.${field.property}`;
    const { name } = field.field.codec;
    const documented = this.#format.dialect === 'documented';
    if (isId(field, this.#format)) return [documented ? 'number' : 'text', 'id'];
    if (name === 'method' || name === 'uri') return ['text', value];
    if (name === 'text') return ['text', value];
    if (NUMBERS.has(name)) {
      if (written(field) === 0) return ['uint', `${value} ?? m.data.length`];
      return ['uint', value];
    }
    if (name === 'bool')
      return ['byte', `${value}${typeof field.absent === 'object' ? ' === true' : ''} ? 0xc3 : 0xc2`];
    if (name === 'headers') return [documented ? 'pairs' : 'multi', value];
    if (name === 'list(text)') return ['texts', `${value} ?? []`];
    if (name === 'headerOps') return ['ops', `${value} ?? []`];
    if (name === 'verdict') return ['verdict', value];
    if (name === 'bytes') return documented ? ['data', value] : ['text', `encodeBase64(${value})`];
    return undefined;
  }
}

/** A key of a map, with its head. */
const key = (name: string): string => String.fromCharCode(0xa0 | name.length) + name;
