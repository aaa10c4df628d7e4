import type { DecodeError } from './decode-error.ts';

/** Limits of a payload, and the place of its id. */
export interface ReadLimits {
  /** Most levels of nesting; the payload itself is level 1. */
  readonly maxDepth: number;
  /** Most values, nested ones included. */
  readonly maxNodes: number;
  /** Paths of the id, names from the outside in; of several that are present the last one listed counts. */
  readonly idPaths: readonly (readonly string[])[];
  /** The name that a payload may have twice, with one value: the id of an event in the MessagePack of crate 0.6.20. */
  readonly doubled?: string | undefined;
}

/** A payload as wire object. After an error there is no value, but the id if it was found. */
export interface Parsed {
  readonly value: unknown;
  /** The id exactly as it was sent: text, a number, or a bigint past 2^53−1. Of two that differ there is none. */
  readonly id: unknown;
  readonly error: DecodeError | undefined;
}

/** Follows the names that lead to an id while a payload is scanned. */
export class IdTrail {
  readonly #paths: readonly (readonly string[])[];
  /** Count, per path, of its names that the enclosing containers have matched. */
  readonly #matched: number[];
  readonly #found: unknown[];
  #differ = false;

  constructor(paths: readonly (readonly string[])[]) {
    this.#paths = paths;
    this.#matched = paths.map(() => 0);
    this.#found = paths.map(() => undefined);
  }

  /** Paths that a name in a container of this depth (1 is the payload) continues, as bits. */
  follow(depth: number, isName: (name: string) => boolean): number {
    let bits = 0;
    for (let i = 0; i < this.#paths.length; i++) {
      const name = this.#paths[i]?.[depth - 1];
      if (this.#matched[i] === depth - 1 && name !== undefined && isName(name)) bits |= 1 << i;
    }
    return bits;
  }

  /** Enters the container at the name that `bits` came from. */
  enter(bits: number): void {
    for (let i = 0; i < this.#matched.length; i++) if ((bits & (1 << i)) !== 0) (this.#matched[i] as number)++;
  }

  /** Leaves a container of this depth. */
  leave(depth: number): void {
    for (let i = 0; i < this.#matched.length; i++) {
      if ((this.#matched[i] as number) >= depth - 1) this.#matched[i] = Math.max(0, depth - 2);
    }
  }

  /** Notes a value at the name that `bits` came from, if a path ends there. */
  note(bits: number, depth: number, value: unknown): void {
    for (let i = 0; i < this.#paths.length; i++) {
      if ((bits & (1 << i)) === 0 || this.#paths[i]?.length !== depth) continue;
      this.#differ ||= this.#found[i] !== undefined && this.#found[i] !== value;
      this.#found[i] = value;
    }
  }

  /** Set when two different ids came at one path. */
  get differ(): boolean {
    return this.#differ;
  }

  /** The id, if a path led to exactly one. */
  get id(): unknown {
    if (this.#differ) return undefined;
    return this.#found.findLast((one) => one !== undefined && one !== null);
  }
}
