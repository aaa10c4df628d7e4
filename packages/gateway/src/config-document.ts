import { AgentwireError } from '@agentwire/core';
import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { substituted } from './config-variables.ts';

/** Path to a value in a file: keys and indexes of lists, outermost first. */
export type ConfigPath = readonly (string | number)[];

/** Returns a path as errors have it: `agents[0].tokenFile`. */
export function shownPath(path: ConfigPath): string {
  return path.map((part, at) => (typeof part === 'number' ? `[${part}]` : `${at === 0 ? '' : '.'}${part}`)).join('');
}

/** One parsed YAML file that knows the line of every value. */
export class ConfigDocument {
  readonly file: string;
  readonly #lines = new LineCounter();
  readonly #document: Document;
  /** Content, with the values of variables. */
  readonly value: unknown;

  /** @throws AgentwireError `ERR_INVALID_ARGUMENT` with file and line for what is not YAML, and for a variable that is not set */
  constructor(text: string, file: string, env: Readonly<Record<string, string | undefined>>) {
    this.file = file;
    this.#document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: false });
    const [error] = this.#document.errors;
    if (error?.code === 'MULTIPLE_DOCS')
      throw this.#notYaml(this.#lineAt(error.pos[0]), 'begins a second document, but a gateway file is one document');
    if (error !== undefined) throw this.#notYaml(this.#lineAt(error.pos[0]), `is not YAML: ${error.message}`, error);
    const twice = this.#firstTwice();
    if (twice !== undefined) throw this.#notYaml(this.#lineAt(twice), 'is not YAML: Map keys must be unique');
    const alias = this.#firstAlias();
    if (alias !== undefined) throw this.#notYaml(this.#lineAt(alias), 'has an alias (*name); write the value out');
    this.#substitute(env);
    try {
      this.value = this.#document.toJS({ maxAliasCount: 0 });
    } catch (cause) {
      throw this.#notYaml(1, `is not YAML: ${(cause as Error).message}`, cause);
    }
  }

  /** Replaces variables in every value. */
  #substitute(env: Readonly<Record<string, string | undefined>>): void {
    visit(this.#document, {
      Scalar: (key, node) => {
        if (key === 'key' || typeof node.value !== 'string' || !node.value.includes('$')) return;
        const result = substituted(node.value, env, node.type === 'PLAIN');
        if (result instanceof Error) throw this.#notYaml(this.#lineAt(node.range?.[0] ?? 0), result.message);
        node.value = result;
      },
    });
  }

  /** Returns the offset of the first key that its object has twice. The parser compares each key with all others, 9 s for 10 000 of them. */
  #firstTwice(): number | undefined {
    let offset: number | undefined;
    visit(this.#document, {
      Map(_key, { items }) {
        const seen = new Set<unknown>();
        for (const { key } of items) {
          if (!isScalar(key)) continue;
          if (seen.has(key.value)) {
            offset = key.range?.[0] ?? 0;
            return visit.BREAK;
          }
          seen.add(key.value);
        }
        return undefined;
      },
    });
    return offset;
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
    return new AgentwireError('ERR_INVALID_ARGUMENT', `${this.file}:${line} ${message}`, { cause });
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
      ? `${shownPath(path)}${message.slice(key.length)}`
      : [shownPath(path), message].filter(Boolean).join(': ');
    return new AgentwireError('ERR_INVALID_ARGUMENT', `${this.file}:${line}: ${text}`);
  }

  /** Names a key with its file and line: `gateway.yaml:7: agents[0].tokenFile`. */
  place(path: ConfigPath): string {
    return `${this.file}:${this.#lineAt(this.#offsetOf(path))}: ${shownPath(path)}`;
  }
}
