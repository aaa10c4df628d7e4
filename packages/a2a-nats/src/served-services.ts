import type { AnnouncedService } from './presence-text.ts';

/** Characters of names that are remembered of one node. */
const MAX_CHARACTERS = 64 * 1024;

/** Services that a node has announced so far: what it got for one that it left may still be in its hands. */
export class ServedServices {
  readonly #names = new Set<string>();
  #characters = 0;

  /** Adds services that it announces; one that announces more than can be remembered counts as serving all. */
  note(services: readonly AnnouncedService[]): void {
    for (const { name } of services) {
      if (this.#isFull || this.#names.has(name)) continue;
      this.#characters += name.length;
      if (this.#isFull) this.#names.clear();
      else this.#names.add(name);
    }
  }

  /** Tells whether it may have served a service. */
  has(name: string): boolean {
    return this.#isFull || this.#names.has(name);
  }

  get #isFull(): boolean {
    return this.#characters > MAX_CHARACTERS;
  }
}
