const TOKEN = new Uint8Array(128);
for (const letter of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  TOKEN[letter.charCodeAt(0)] = 1;
}

/** Returns whether `name` is a header name: exactly what `http.validateHeaderName` accepts, a non-empty RFC 9110 token. */
export function isValidHeaderName(name: unknown): name is string {
  if (typeof name !== 'string' || name === '') return false;
  for (let i = 0; i < name.length; i++) if (TOKEN[name.charCodeAt(i)] !== 1) return false;
  return true;
}

/** Returns the index of the first character that a header value cannot have, or -1: tab, space to `~`, and 0x80 to 0xff are valid. */
export function badHeaderValueIndex(value: string): number {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code > 0xff || code === 0x7f || (code < 0x20 && code !== 0x09)) return i;
  }
  return -1;
}

/** Returns whether `value` is a header value: exactly the strings that `http.validateHeaderValue` accepts, the empty one too. */
export function isValidHeaderValue(value: unknown): value is string {
  return typeof value === 'string' && badHeaderValueIndex(value) === -1;
}
