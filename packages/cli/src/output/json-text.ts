// those of core's printable(), whose import would load its 30 files for --version
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

// Node has it since version 21; the standard library types do not.
const { rawJSON } = JSON as unknown as { readonly rawJSON: (this: void, text: string) => unknown };

/** JSON of a value; a bigint, as decisions carry for whole numbers past 2^53−1, is written as the whole number. Characters that act on a terminal are escaped. */
export function jsonText(value: unknown): string {
  const text = JSON.stringify(value, (_name, one: unknown) => (typeof one === 'bigint' ? rawJSON(String(one)) : one));
  return text.replaceAll(UNPRINTABLE, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
