/**
 * Buffer with the text methods of Node that its types leave out: `toString` and `write` call them after looking at their
 * arguments, and a yardstick does not pay for that.
 */
export interface TextBuffer extends Buffer {
  latin1Slice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
  latin1Write(text: string, offset: number): number;
  utf8Write(text: string, offset: number): number;
}

/** The same buffer, with its text methods. */
export const textOf = (buffer: Buffer): TextBuffer => buffer as TextBuffer;
