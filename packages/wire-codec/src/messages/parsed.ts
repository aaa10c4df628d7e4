import type { DecodeError } from './decode-error.ts';

/** What reading a payload may cost, and where in it the id stands. */
export interface ReadLimits {
  /** Deepest nesting; the payload itself is level 1. */
  readonly maxDepth: number;
  /** Most values, those inside of others included. */
  readonly maxNodes: number;
  /** Where the id stands, names from the outside in; of several that are there the last one listed counts. */
  readonly idPaths: readonly (readonly string[])[];
  /** The one name that may come twice in a payload, with the same value: the id of an event in the MessagePack of 0.6.20. */
  readonly doubled?: string | undefined;
}

/** A payload as a wire object. After an error there is no value, but the id if it could be found. */
export interface Parsed {
  readonly value: unknown;
  /** The id exactly as it was sent: text, a number, or a bigint past 2^53−1. Of two that differ there is none. */
  readonly id: unknown;
  readonly error: DecodeError | undefined;
}

/** Follows the names that lead to an id while a payload is walked. */
export class IdTrail {
  readonly #paths: readonly (readonly string[])[];
  /** Per path, how many of its names the containers around the present place have matched. */
  readonly #matched: number[];
  readonly #found: unknown[];
  #differ = false;

  constructor(paths: readonly (readonly string[])[]) {
    this.#paths = paths;
    this.#matched = paths.map(() => 0);
    this.#found = paths.map(() => undefined);
  }

  /** Which paths a name in a container of this depth (1 is the payload) carries on with, as bits. */
  follow(depth: number, isName: (name: string) => boolean): number {
    let bits = 0;
    for (let i = 0; i < this.#paths.length; i++) {
      const name = this.#paths[i]?.[depth - 1];
      if (this.#matched[i] === depth - 1 && name !== undefined && isName(name)) bits |= 1 << i;
    }
    return bits;
  }

  /** Goes into the container at the name that `bits` came from. */
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

  /** Whether two different ids came at one place. */
  get differ(): boolean {
    return this.#differ;
  }

  /** The id, if any path led to one and only one. */
  get id(): unknown {
    if (this.#differ) return undefined;
    return this.#found.findLast((one) => one !== undefined && one !== null);
  }
}
