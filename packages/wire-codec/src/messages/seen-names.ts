import { DecodeError } from './decode-error.ts';

/** Error of a name that an object has twice: parsers differ in which of the two values counts. */
export function doubledName(): DecodeError {
  return new DecodeError('an object has one name twice');
}

/** Names of the objects around the current position of a scan. */
export class SeenNames {
  readonly #byDepth: (Set<string> | undefined)[] = [];

  /** Begins an object of this depth. */
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
