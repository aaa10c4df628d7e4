import type { PlacedField, Struct } from '../src/messages/struct.ts';
import { inner, isOmitted, properties, quoted, title, written, type GeneratedFormat } from './formats.ts';

const SAME = new Set(['text', 'method', 'uri', 'u16', 'u32', 'u64', 'status', 'bool', 'verdict']);

/** The reader's method for a codec, or `undefined` for one that only the reference reads. */
function method(codec: string, format: GeneratedFormat): string | undefined {
  if (SAME.has(codec)) return codec;
  if (codec === 'headers') return format.dialect === 'documented' ? 'pairs' : 'multi';
  if (codec === 'id') return format.dialect === 'documented' ? 'u64' : 'text';
  return { bytes: 'data', 'list(text)': 'textsOrEmpty', headerOps: 'opsOrEmpty' }[codec];
}

/** A field in front of a structure's own: the id or the version of an answer. */
export interface Lead {
  readonly name: string;
  /** Variable that it is read into, or the constant that must be there. */
  readonly variable?: string;
  readonly constant?: string;
}

/** Writes one straight-line reader, statement by statement. */
export class ReaderSource {
  readonly lines: string[] = [];
  readonly literals: Map<string, string>;
  readonly #format: GeneratedFormat;
  readonly #order: (fields: readonly PlacedField[]) => readonly PlacedField[];
  #pending = '';

  constructor(
    format: GeneratedFormat,
    literals: Map<string, string>,
    order: (fields: readonly PlacedField[]) => readonly PlacedField[],
  ) {
    this.#format = format;
    this.literals = literals;
    this.#order = order;
  }

  get #json(): boolean {
    return this.#format.encoding === 'json';
  }

  #constant(text: string): string {
    const known = this.literals.get(text);
    if (known !== undefined) return known;
    const name = `L${this.literals.size}`;
    this.literals.set(text, name);
    return name;
  }

  flush(): void {
    if (this.#pending !== '') this.lines.push(`r.lit(${this.#constant(this.#pending)});`);
    this.#pending = '';
  }

  /** Bytes of a key, without its separator. */
  #key(name: string): string {
    if (this.#json) return `"${name}":`;
    return String.fromCharCode(0xa0 | name.length) + name;
  }

  /** Reads a structure into variables named after its properties behind `prefix`. */
  struct(struct: Struct<object>, prefix: string, leads: readonly Lead[] = []): void {
    const fields = this.#order(struct.fields(this.#format.dialect));
    const omitted = fields.filter(isOmitted);
    const count = fields.length + leads.length;
    const firstIsOmitted = leads.length === 0 && fields[0] !== undefined && isOmitted(fields[0]);
    const left = `${prefix}Left`;
    if (this.#json) this.#pending += '{';
    else if (omitted.length === 0) this.#pending += String.fromCharCode(0x80 | count);
    else {
      this.flush();
      this.lines.push(`let ${left} = r.map() - ${count - omitted.length};`);
    }
    let first = true;
    const separate = (): void => {
      if (this.#json && !first) this.#pending += ',';
      first = false;
    };
    for (const lead of leads) {
      separate();
      this.#pending += this.#key(lead.name) + (lead.constant ?? '');
      if (lead.variable === undefined) continue;
      this.flush();
      this.lines.push(`const ${lead.variable} = r.${method('id', this.#format)}();`);
    }
    for (const field of fields) {
      if (isOmitted(field) || firstIsOmitted) {
        this.#optional(field, prefix, omitted.length > 0 ? left : '');
        first = false;
      } else {
        separate();
        this.#pending += this.#key(field.name);
        this.#required(field, prefix);
      }
    }
    if (this.#json) this.#pending += '}';
    else if (omitted.length > 0) this.lines.push(`if (${left} !== 0) r.ok = false;`);
  }

  #optional(field: PlacedField, prefix: string, left: string): void {
    const variable = prefix + title(field.property);
    const struct = inner(field);
    const reader = method(field.field.codec.name, this.#format);
    this.flush();
    if (struct === undefined && reader === undefined) {
      this.lines.push(`const ${variable} = undefined;`);
      return;
    }
    const key = this.#constant(this.#key(field.name));
    const counted = this.#json ? '' : ` ${left}--;`;
    if (struct === undefined) {
      const value =
        field.field.codec.name === 'bool' && field.field.emptyIsAbsent ? 'r.bool() || undefined' : `r.${reader}()`;
      this.lines.push(`let ${variable};`, `if (r.key(${key})) {${counted} ${variable} = ${value}; }`);
      return;
    }
    this.lines.push(`let ${variable};`, `if (r.key(${key})) {${counted}`);
    this.struct(struct, variable);
    this.flush();
    this.lines.push(`${variable} = ${objectOf(struct, variable, true)};`, '}');
  }

  #required(field: PlacedField, prefix: string): void {
    const variable = prefix + title(field.property);
    const { codec, emptyIsAbsent } = field.field;
    const struct = inner(field);
    if (codec.name === 'anyMap') {
      // in the zentinel dialect the id of an answer is here, and a canonical answer has nothing else here
      this.#pending += this.#json ? '{"correlation_id":' : '\x81\xaecorrelation_id';
      this.flush();
      this.lines.push('const id = r.text();', `const ${variable} = undefined;`);
      if (this.#json) this.#pending += '}';
      return;
    }
    if (struct !== undefined) {
      this.struct(struct, variable);
      this.flush();
      this.lines.push(`const ${variable} = ${objectOf(struct, variable, typeof field.absent === 'object')};`);
      return;
    }
    const reader = method(codec.name, this.#format);
    if (reader === undefined) {
      this.#pending += this.#absent(field);
      this.lines.push(`const ${variable} = undefined;`);
      return;
    }
    this.flush();
    if (typeof field.absent === 'object' && written(field) === null)
      this.lines.push(`const ${variable} = r.isNull() ? undefined : r.${reader}();`);
    else if (codec.name === 'bool' && emptyIsAbsent) this.lines.push(`const ${variable} = r.bool() || undefined;`);
    else this.lines.push(`const ${variable} = r.${reader}();`);
  }

  #absent(field: PlacedField): string {
    const value = written(field);
    if (value === null) return this.#json ? 'null' : '\xc0';
    return this.#json ? JSON.stringify(value) : '\x80';
  }
}

/** Source of the object of a structure; fields that the dialect does not have get the reference's value. */
export function objectOf(
  struct: Struct<object>,
  prefix: string,
  emptyIsAbsent = false,
  has: (property: string) => boolean = () => true,
): string {
  const names = properties(struct);
  const parts = names.map(
    (name) => `${name}: ${has(name) ? prefix + title(name) : String(struct.rows[name]?.fallback)}`,
  );
  const object = `{ ${parts.join(', ')} }`;
  if (!emptyIsAbsent) return object;
  return `${names.map((name) => `${prefix + title(name)} === undefined`).join(' && ')} ? undefined : ${object}`;
}

/** Declarations of the literals that readers share. */
export const literalsOf = (literals: ReadonlyMap<string, string>): readonly string[] =>
  [...literals].map(([text, name]) => `const ${name} = literal(${quoted(text)});`);
