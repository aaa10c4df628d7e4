/** Decodes strict base64, padding required. @returns `undefined` if it is anything else. */
export function decodeBase64(text: string): Buffer | undefined {
  const { length } = text;
  if (length % 4 !== 0) return undefined;
  if (length === 0) return Buffer.alloc(0);
  const padding = text.charCodeAt(length - 1) !== 61 ? 0 : text.charCodeAt(length - 2) !== 61 ? 1 : 2;
  const bytes = Buffer.from(text, 'base64');
  // node skips characters outside the alphabet, so any of them makes the result too short
  return bytes.length === (length / 4) * 3 - padding ? bytes : undefined;
}

/** The base64 text of `bytes`. */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
