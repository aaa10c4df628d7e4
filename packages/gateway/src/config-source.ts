import { dirname, isAbsolute, join } from 'node:path';
import { AgentwireError } from '@agentwire/core';
import { ConfigDocument, type ConfigPath, shownPath } from './config-document.ts';
import { nearestKey } from './nearest-key.ts';
import { readFile } from './read-file.ts';

export type { ConfigPath } from './config-document.ts';

/** Keys and values of an object in a file. */
export type Fields = Readonly<Record<string, unknown>>;

/** Returns whether a value of a file is an object. */
export function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Place in a file with the keys that it may have, named as a sentence about a key needs it: `under gateway`. */
export interface KeyPlace {
  readonly named: string;
  readonly keys: readonly string[];
}

/** Environment and files that a file refers to. */
export interface ConfigContext {
  /** Variables for `${NAME}`; default those of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Reads a file that is named relative to the one that names it. Default from disk. */
  readonly read?: (path: string) => string;
}

/** Deepest chain of included files. */
const MAX_DEPTH = 8;

/** Most problems that are told of one file. */
const MAX_PROBLEMS = 50;

/** YAML file with the files that it includes, which knows file and line of every value. */
export class ConfigSource {
  readonly #document: ConfigDocument;
  readonly #places: readonly KeyPlace[];
  readonly #problems: AgentwireError[] = [];
  /** Elements of lists and objects that came from included files, by their path here. */
  readonly #included = new Map<string, { readonly source: ConfigSource; readonly path: ConfigPath }>();
  /** Content of the file, with that of the files it includes. */
  readonly value: unknown;

  /**
   * @param outer files that include this one, outermost first
   * @param places places of keys, for errors about a key at another one
   * @throws AgentwireError `ERR_INVALID_ARGUMENT` with file and line for what is not YAML, and for a variable that is not set
   */
  constructor(
    text: string,
    file: string,
    context: ConfigContext = {},
    outer: readonly string[] = [],
    places: readonly KeyPlace[] = [],
  ) {
    this.#places = places;
    this.#document = new ConfigDocument(text, file, context.env ?? process.env);
    const { value } = this.#document;
    this.value = isObject(value) && 'include' in value ? this.#withIncluded(value, context, [...outer, file]) : value;
  }

  /** Adds the lists and objects of included files, theirs first. */
  #withIncluded({ include, ...own }: Fields, context: ConfigContext, outer: readonly string[]): unknown {
    const files: unknown[] = Array.isArray(include) ? include : [include];
    let merged: Record<string, unknown> = {};
    for (const [at, name] of files.entries()) {
      const path: ConfigPath = Array.isArray(include) ? ['include', at] : ['include'];
      if (typeof name !== 'string' || name === '')
        throw this.invalid(path, 'include must be a file, or a list of files');
      const file = isAbsolute(name) ? name : join(dirname(this.#document.file), name);
      if (outer.includes(file)) throw this.invalid(path, `${file} includes itself`);
      if (outer.length > MAX_DEPTH) throw this.invalid(path, `files may include others ${MAX_DEPTH} deep`);
      const source = new ConfigSource(this.#read(file, path, context), file, context, outer);
      if (source.value === null || source.value === undefined) continue;
      if (!isObject(source.value))
        throw source.invalid([], 'an included file must be an object, as the file that includes it');
      merged = this.#merge(merged, source.value, source);
    }
    return this.#merge(merged, own, undefined);
  }

  #read(file: string, path: ConfigPath, { read }: ConfigContext): string {
    try {
      return read?.(file) ?? readFile(file, false).toString('utf8');
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code ?? 'no such file';
      throw this.invalid(path, `${file} cannot be read (${code})`);
    }
  }

  /** Adds `more` to `base`: lists are joined, objects get further keys, and anything else may be in one file only. */
  #merge(base: Record<string, unknown>, more: Fields, source: ConfigSource | undefined): Record<string, unknown> {
    const merged = { ...base };
    for (const [key, value] of Object.entries(more)) {
      const before = merged[key];
      if (Array.isArray(value) && (before === undefined || Array.isArray(before))) {
        const start = before?.length ?? 0;
        merged[key] = [...(before ?? []), ...value] as unknown[];
        for (const at of value.keys()) this.#place([key, start + at], source, [key, at]);
      } else if (isObject(value) && (before === undefined || isObject(before))) {
        const twice = Object.keys(value).find((name) => before !== undefined && Object.hasOwn(before, name));
        if (twice !== undefined)
          throw (source ?? this).invalid([key, twice], 'another file has it too; keep one of them');
        merged[key] = { ...before, ...value };
        for (const name of Object.keys(value)) this.#place([key, name], source, [key, name]);
      } else if (before !== undefined)
        throw (source ?? this).invalid([key], 'another file has it too; keep one of them');
      else {
        merged[key] = value;
        if (source !== undefined) this.#included.set(JSON.stringify([key]), { source, path: [key] });
      }
    }
    return merged;
  }

  #place(here: ConfigPath, source: ConfigSource | undefined, path: ConfigPath): void {
    // an element of this file may have moved behind those of others
    this.#included.set(JSON.stringify(here), { source: source ?? this, path });
  }

  /** Returns the file that has the value at `path`, with the path there. */
  #origin(path: ConfigPath): { readonly source: ConfigSource; readonly path: ConfigPath } {
    for (const length of [2, 1]) {
      const found = this.#included.get(JSON.stringify(path.slice(0, length)));
      if (found === undefined || path.length < length) continue;
      const there = [...found.path, ...path.slice(length)];
      return found.source === this ? { source: this, path: there } : found.source.#origin(there);
    }
    return { source: this, path };
  }

  /** Returns the error for an invalid value at `path`: file, line, key and `message`. */
  invalid(path: ConfigPath, message: string): AgentwireError {
    const origin = this.#origin(path);
    return origin.source.#document.invalid(origin.path, message);
  }

  /** Names a key with its file and line: `gateway.yaml:7: agents[0].tokenFile`. */
  place(path: ConfigPath): string {
    const origin = this.#origin(path);
    return origin.source.#document.place(origin.path);
  }

  /** Runs a check of the value at `path`. @throws AgentwireError as {@link invalid} */
  check<T>(path: ConfigPath, check: () => T): T {
    try {
      return check();
    } catch (error) {
      throw this.invalid(path, error instanceof Error ? error.message : String(error));
    }
  }

  /** Runs a check and keeps its error, so that what comes after it is checked too. @returns `undefined` where it failed */
  attempt<T>(check: () => T): T | undefined {
    try {
      return check();
    } catch (error) {
      if (!(error instanceof AgentwireError)) throw error;
      this.#problems.push(error);
      return undefined;
    }
  }

  /** Number of errors that {@link attempt} has kept. */
  get problems(): number {
    return this.#problems.length;
  }

  /** @throws AgentwireError the first one that {@link attempt} has kept, with the messages of up to 50 in `detail.problems` */
  finish(): void {
    const [first] = this.#problems;
    if (first === undefined) return;
    const problems = this.#problems.slice(0, MAX_PROBLEMS).map(({ message }) => message);
    throw new AgentwireError(first.code, first.message, { cause: first.cause, detail: { problems } });
  }

  /** Checks that the keys of `value` are among `known`, with an error for each that is not; see {@link attempt}. */
  checkKeys(path: ConfigPath, value: object, known: readonly string[]): void {
    for (const key of Object.keys(value)) if (!known.includes(key)) this.attempt(() => this.#refuse(path, key, known));
  }

  #refuse(path: ConfigPath, key: string, known: readonly string[]): never {
    const places = this.#places.filter(({ keys }) => keys.includes(key)).map(({ named }) => named);
    const near = places.length === 0 ? nearestKey(key, known) : undefined;
    const meant = near === undefined ? '' : `, did you mean ${near}?`;
    const pointer = places.length === 0 ? meant : ` here: it belongs ${places.join(', or ')}`;
    const message = `there is no such key${pointer}; ${path.length === 0 ? 'the file' : shownPath(path)} may have ${known.join(', ')}`;
    throw this.invalid([...path, key], message);
  }
}
