import { DecodeError } from './decode-error.ts';

/** DecodeError of a name that an object has twice: parsers differ in which of the two values counts. */
export function doubledName(): DecodeError {
  return new DecodeError('an object has one name twice');
}

/** Names that the objects around the present place of a walk have had so far. */
export class SeenNames {
  readonly #byDepth: (Set<string> | undefined)[] = [];

  /** An object of this depth begins. */
  open(depth: number): void {
    this.#byDepth[depth] = undefined;
  }

  /** Notes a name. @returns whether its object has had it before */
  isDoubled(depth: number, name: string): boolean {
    const names = (this.#byDepth[depth] ??= new Set());
    if (names.has(name)) return true;
    names.add(name);
    return false;
  }
}
