import { createHash, timingSafeEqual } from 'node:crypto';
import { idMatcher } from './id-pattern.ts';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Compares a token with all known ones in a time that depends on their number only. */
export class KnownTokens {
  readonly #known: { readonly digest: Buffer; readonly mayBe: (id: string) => boolean }[] = [];

  /** @param tokens tokens by id or pattern of ids */
  constructor(tokens: Readonly<Record<string, string | readonly string[]>>) {
    for (const [pattern, given] of Object.entries(tokens)) {
      const mayBe = idMatcher([pattern]);
      for (const token of [given].flat()) this.#known.push({ digest: digest(token), mayBe });
    }
  }

  /** Tells whether `token` is one that `id` may register with. */
  prove(id: string, token: string | undefined): boolean {
    const given = digest(token ?? '');
    let proven = false;
    for (const { digest: known, mayBe } of this.#known) {
      const [equal, named] = [timingSafeEqual(given, known), mayBe(id)];
      proven = (equal && named) || proven;
    }
    return proven;
  }
}
