import { AgentwireError } from '@agentwire/core';
import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument, visit } from 'yaml';

/** Path to a value in a file: keys and indexes of lists, outermost first. */
export type ConfigPath = readonly (string | number)[];

/** Keys and values of an object in a file. */
export type Fields = Readonly<Record<string, unknown>>;

/** Returns whether a value of a file is an object. */
export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const shown = (path: ConfigPath): string =>
  path.map((part, at) => (typeof part === 'number' ? `[${part}]` : `${at === 0 ? '' : '.'}${part}`)).join('');

/** Parsed YAML file that knows the line of every value. */
export class ConfigSource {
  readonly #file: string;
  readonly #lines = new LineCounter();
  readonly #document: Document;
  /** Content of the file. */
  readonly value: unknown;

  /** @throws AgentwireError `ERR_INVALID_ARGUMENT` with file and line for what is not YAML */
  constructor(text: string, file: string) {
    this.#file = file;
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false });
    const [error] = this.#document.errors;
    if (error?.code === 'MULTIPLE_DOCS')
      throw this.#notYaml(this.#lineAt(error.pos[0]), 'begins a second document, but a gateway file is one document');
    if (error !== undefined) throw this.#notYaml(this.#lineAt(error.pos[0]), `is not YAML: ${error.message}`, error);
    const alias = this.#firstAlias();
    if (alias !== undefined) throw this.#notYaml(this.#lineAt(alias), 'has an alias (*name); write the value out');
    try {
      this.value = this.#document.toJS({ maxAliasCount: 0 });
    } catch (cause) {
      throw this.#notYaml(1, `is not YAML: ${(cause as Error).message}`, cause);
    }
  }

  /** Returns the offset of the first alias: aliases are refused, because a few lines of them can expand to gigabytes. */
  #firstAlias(): number | undefined {
    let offset: number | undefined;
    visit(this.#document, {
      Alias(_key, node) {
        offset = node.range?.[0] ?? 0;
        return visit.BREAK;
      },
    });
    return offset;
  }

  #lineAt(offset: number): number {
    return this.#lines.linePos(offset).line;
  }

  #notYaml(line: number, message: string, cause?: unknown): AgentwireError {
    return new AgentwireError('ERR_INVALID_ARGUMENT', `${this.#file}:${line} ${message}`, { cause });
  }

  /** Returns the offset of a key, or of an element of a list. */
  #offsetOf(path: ConfigPath): number {
    const parent: unknown = path.length > 1 ? this.#document.getIn(path.slice(0, -1), true) : this.#document.contents;
    const key = path.at(-1);
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key);
      if (pair !== undefined && isNode(pair.key)) return pair.key.range?.[0] ?? 0;
    }
    const node: unknown = path.length > 0 ? this.#document.getIn(path, true) : undefined;
    return isNode(node) ? (node.range?.[0] ?? 0) : 0;
  }

  /** Returns the error for an invalid value at `path`: file, line, key and `message`. */
  invalid(path: ConfigPath, message: string): AgentwireError {
    const line = this.#lineAt(this.#offsetOf(path));
    const key = path.at(-1);
    // a check of an option begins with the option's name
    const named = typeof key === 'string' && message.startsWith(`${key} `);
    const text = named
      ? `${shown(path)}${message.slice(key.length)}`
      : [shown(path), message].filter(Boolean).join(': ');
    return new AgentwireError('ERR_INVALID_ARGUMENT', `${this.#file}:${line}: ${text}`);
  }

  /** Names a key with its file and line: `gateway.yaml:7: agents[0].tokenFile`. */
  place(path: ConfigPath): string {
    return `${this.#file}:${this.#lineAt(this.#offsetOf(path))}: ${shown(path)}`;
  }

  /** Runs a check of the value at `path`. @throws AgentwireError as {@link invalid} */
  check<T>(path: ConfigPath, check: () => T): T {
    try {
      return check();
    } catch (error) {
      throw this.invalid(path, error instanceof Error ? error.message : String(error));
    }
  }

  /** @throws AgentwireError as {@link invalid}, for the first key of `value` that is not among `known` */
  checkKeys(path: ConfigPath, value: object, known: readonly string[]): void {
    const unknown = Object.keys(value).find((key) => !known.includes(key));
    if (unknown === undefined) return;
    const message = `there is no such key; ${path.length === 0 ? 'the file' : shown(path)} may have ${known.join(', ')}`;
    throw this.invalid([...path, unknown], message);
  }
}
