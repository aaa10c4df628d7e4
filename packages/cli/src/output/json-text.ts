// Node has it since version 21; the standard library types do not.
const { rawJSON } = JSON as unknown as { readonly rawJSON: (this: void, text: string) => unknown };

/** JSON of a value; a bigint, as decisions carry for whole numbers past 2^53−1, is written as the whole number. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, (_name, one: unknown) => (typeof one === 'bigint' ? rawJSON(String(one)) : one));
}
