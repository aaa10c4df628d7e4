import { printable } from '@agentwire/core/internal';

/** Escapes the characters of a text that act on a terminal, other than its line feeds. */
export function printableLines(text: string): string {
  return text
    .split('\n')
    .map((one) => printable(one))
    .join('\n');
}
