import { checkHeaderName, checkHeaderValue } from '@agentwire/headers';
import { UsageError } from '../usage-error.ts';

/** Reads headers given as `name: value`. @returns names and values in turn. @throws UsageError */
export function parseHeaders(flag: string, given: readonly string[], example: string): string[] {
  return given.flatMap((text) => {
    const at = text.indexOf(':');
    if (at < 1) throw new UsageError(`${flag} takes 'name: value', got ${JSON.stringify(text)}`, example);
    const [name, value] = [text.slice(0, at).trim(), text.slice(at + 1).trim()];
    try {
      checkHeaderName(name);
      checkHeaderValue(name, value);
    } catch (error) {
      throw new UsageError(`${flag}: ${(error as Error).message}`, example);
    }
    return [name, value];
  });
}
