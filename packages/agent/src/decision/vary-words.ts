import { AgentwireError } from '@agentwire/core';
import { nearVaryWord } from '@agentwire/core/internal';

/** Checks that no name is a misspelt word. @throws AgentwireError `ERR_INVALID_ARGUMENT` that tells what to write instead */
export function checkVaryWords(vary: readonly string[]): void {
  for (const name of vary) {
    const instead = nearVaryWord(name);
    if (instead !== undefined)
      throw new AgentwireError(
        'ERR_INVALID_ARGUMENT',
        `vary has ${JSON.stringify(name)}, which is neither a word nor a header of requests: ${instead}`,
      );
  }
}
