import { AgentwireError } from '@agentwire/core';

/**
 * Names that are to be added one way: those that come while others are being added are added together.
 *
 * A server looks at every consumer of a stream when the stream changes, so that 200 inboxes that are opened one by one cost it fifteen times
 * as much as one change for all of them.
 */
export class GatheredNames {
  readonly #add: (names: readonly string[]) => Promise<void>;
  #last: Promise<unknown> = Promise.resolve();
  #gathering: { readonly names: string[]; readonly refused: Promise<ReadonlyMap<string, unknown>> } | undefined;

  /** @param add adds names, and rejects with `ERR_OVERLOADED` when there is no room for all of them */
  constructor(add: (names: readonly string[]) => Promise<void>) {
    this.#add = add;
  }

  /** Adds a name; rejects with what stood in the way of it. */
  async add(name: string): Promise<void> {
    const { names, refused } = (this.#gathering ??= this.#gather());
    names.push(name);
    const all = await refused;
    if (all.has(name)) throw all.get(name);
  }

  #gather(): { readonly names: string[]; readonly refused: Promise<ReadonlyMap<string, unknown>> } {
    const names: string[] = [];
    const refused = this.#last.then(() => {
      this.#gathering = undefined;
      return this.#addAll(names);
    });
    this.#last = refused;
    return { names, refused };
  }

  /** Adds names and gives the errors of those that could not be; too many are halved until those that have room are in. */
  async #addAll(names: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
    try {
      await this.#add(names);
      return new Map();
    } catch (error) {
      const half = Math.ceil(names.length / 2);
      const isFull = error instanceof AgentwireError && error.code === 'ERR_OVERLOADED';
      if (!isFull || names.length === 1) return new Map(names.map((name) => [name, error]));
      return new Map([...(await this.#addAll(names.slice(0, half))), ...(await this.#addAll(names.slice(half)))]);
    }
  }
}
