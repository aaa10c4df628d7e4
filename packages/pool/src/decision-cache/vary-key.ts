import { hash } from 'node:crypto';
import type { RequestHead } from '@agentwire/core';

/** Returns the path of a request's uri, and what follows its `?`. */
function split(uri: string): readonly [path: string, query: string | undefined] {
  const at = uri.indexOf('?');
  return at < 0 ? [uri, undefined] : [uri.slice(0, at), uri.slice(at + 1)];
}

/** Values of the words that are no names of headers; docs/wire.md, "Decisions that may be cached". */
const WORDS: ReadonlyMap<string, (head: RequestHead) => string | undefined> = new Map([
  ['method', ({ method }: RequestHead) => method],
  ['path', ({ uri }: RequestHead) => split(uri)[0]],
  ['query', ({ uri }: RequestHead) => split(uri)[1]],
  ['client', ({ metadata }: RequestHead) => metadata?.clientIp],
  ['server_name', ({ metadata }: RequestHead) => metadata?.serverName],
  ['protocol', ({ metadata }: RequestHead) => metadata?.protocol],
  ['route', ({ metadata }: RequestHead) => metadata?.routeId],
]);

/** Credentials, and the header of WebSocket heads: a decision for one value is never given to another one, whatever the agent says. */
const ALWAYS: readonly string[] = ['authorization', 'cookie', 'upgrade'];

/** Function from the head of a request to the key of all that a decision depends on. */
export class VaryKey {
  /** Equal for equal names, in any order and spelling. */
  readonly name: string;
  readonly #words: readonly ((head: RequestHead) => string | undefined)[];
  /** Place of each header's values in the key. */
  readonly #places = new Map<string, number>();
  readonly #salt: string;

  /** @param salt secret of the cache, so that a key tells nothing about what it is made of */
  constructor(vary: readonly string[], salt: string) {
    const names = [...new Set([...vary.map((name) => name.toLowerCase()), ...ALWAYS])].toSorted();
    this.name = names.join(' ');
    this.#words = names.flatMap((name) => WORDS.get(name) ?? []);
    for (const name of names) if (!WORDS.has(name)) this.#places.set(name, this.#places.size);
    this.#salt = salt;
  }

  /** Returns the key of a checked head: a hash, so that no value of a header is kept. */
  of(head: RequestHead): string {
    const values: string[][] = Array.from(this.#places, () => []);
    const { headers } = head;
    for (let at = 0; at < headers.length; at += 2) {
      const place = this.#places.get((headers[at] as string).toLowerCase());
      if (place !== undefined) values[place]?.push(headers[at + 1] as string);
    }
    const words = this.#words.map((word) => word(head) ?? null);
    return hash('sha256', this.#salt + JSON.stringify([this.name, head.hasBody, words, values]), 'base64');
  }
}
