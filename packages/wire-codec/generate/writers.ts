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

/** Writes the expression that builds a structure's MessagePack. */
export class MsgpackSource {
  readonly guards: string[] = [];
  /** Expression of the text before raw bytes, once there are any. */
  before: string | undefined;
  /** Expression of the raw bytes. */
  raw = '';
  /** Bytes above 0x7f in the constant parts. */
  high = 0;
  readonly #format: GeneratedFormat;
  #parts: string[] = [];
  #pending = '';

  constructor(format: GeneratedFormat) {
    this.#format = format;
  }

  #count(text: string): void {
    for (const letter of text) if (letter > '\x7f') this.high++;
  }

  #flush(): void {
    if (this.#pending === '') return;
    this.#count(this.#pending);
    this.#parts.push(quoted(this.#pending));
    this.#pending = '';
  }

  #add(expression: string): void {
    this.#flush();
    this.#parts.push(expression);
  }

  get expression(): string {
    this.#flush();
    return this.#parts.join(' + ');
  }

  constant(text: string): void {
    this.#pending += text;
  }

  struct(
    struct: Struct<object>,
    of: string,
    leads: readonly { readonly name: string; readonly expression?: string; readonly constant?: string }[] = [],
  ): void {
    const fields = struct.fields(this.#format.dialect).filter((field) => !this.#skipped(field));
    const rare = fields.filter((field) => isOmitted(field) && this.#value(field, of) === undefined);
    for (const field of rare) this.guards.push(`${of}.${field.property} !== undefined`);
    const kept = fields.filter((field) => !rare.includes(field));
    const omitted = kept.filter(isOmitted);
    const count = kept.length - omitted.length + leads.length;
    if (omitted.length === 0) this.#pending += String.fromCharCode(0x80 | count);
    else
      this.#add(
        `w.map(${[String(count), ...omitted.map((field) => `(${of}.${field.property} === undefined ? 0 : 1)`)].join(' + ')})`,
      );
    for (const lead of leads) {
      this.#pending += key(lead.name) + (lead.constant ?? '');
      if (lead.expression !== undefined) this.#add(lead.expression);
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
      if (nested === undefined) own.#add(this.#value(field, of) ?? '');
      else own.struct(nested, value);
      this.guards.push(...own.guards.map((guard) => `${value} !== undefined && ${guard}`));
      const { expression } = own;
      this.#add(`(${value} === undefined ? '' : w.constant(${own.high}) + ${expression})`);
      return;
    }
    this.#pending += key(field.name);
    if (nested !== undefined) {
      this.struct(nested, typeof field.absent === 'object' ? field.property : value);
      return;
    }
    const { name } = field.field.codec;
    if (name === 'bytes' && this.#format.dialect === 'documented') {
      this.before = this.expression;
      this.raw = value;
      this.#parts = [];
      return;
    }
    const expression = this.#value(field, of);
    if (expression !== undefined) {
      this.#add(expression);
      return;
    }
    this.guards.push(`${value} !== undefined`);
    if (name === 'anyMap') {
      this.#pending += '\x81\xaecorrelation_id';
      this.#add('w.text(id)');
    } else this.#pending += written(field) === null ? '\xc0' : '\x80';
  }

  #value(field: PlacedField, of: string): string | undefined {
    const value = `${of}.${field.property}`;
    const { name } = field.field.codec;
    const orNull = typeof field.absent === 'object' && written(field) === null;
    if (isId(field, this.#format)) return this.#format.dialect === 'documented' ? 'w.number(id)' : 'w.text(id)';
    if (name === 'method' || name === 'uri') return `w.text(${value})`;
    if (name === 'text') return orNull ? `w.textOrNull(${value})` : `w.text(${value})`;
    if (NUMBERS.has(name)) {
      if (written(field) === 0) return `w.uint(${value} ?? m.data.length)`;
      return orNull ? `w.uintOrNull(${value})` : `w.uint(${value})`;
    }
    if (name === 'bool')
      return `w.bool(${value}${isOmitted(field) || typeof field.absent === 'object' ? ' ?? false' : ''})`;
    if (name === 'headers') return this.#format.dialect === 'documented' ? `w.pairs(${value})` : `w.multi(${value})`;
    if (name === 'list(text)') return `w.texts(${value} ?? [])`;
    if (name === 'headerOps') return `w.ops(${value} ?? [])`;
    if (name === 'verdict') return `w.verdict(${value})`;
    if (name === 'bytes') return `w.text(encodeBase64(${value}))`;
    return inner(field) === undefined ? undefined : '';
  }
}

/** A key of a map, with its head. */
const key = (name: string): string => String.fromCharCode(0xa0 | name.length) + name;
