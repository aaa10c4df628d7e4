const isBytes = (value: unknown): value is Uint8Array => value instanceof Uint8Array;

/** Lines of headers in the order of their names: a hash map of the crate has none. */
function sortedHeaders(headers: readonly string[]): string[] {
  const lines = headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1] ?? ''] as const] : []));
  return lines.toSorted(([a], [b]) => (a < b ? -1 : Number(a > b))).flat();
}

/** A value as JSON without what says nothing, with bytes as base64, and numbers as an `f32` holds them. */
export function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (isBytes(value)) return Buffer.from(value).toString('base64');
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'number') return Number.isInteger(value) ? value : Math.fround(value);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, one]) => one !== null && one !== undefined);
  return Object.fromEntries(entries.map(([name, one]) => [name, plain(one)]));
}

/** A message of ours in that form, its headers in one order. */
export function comparable(message: object): unknown {
  if (!('headers' in message) || !Array.isArray(message.headers)) return plain(message);
  return plain({ ...message, headers: sortedHeaders(message.headers as string[]) });
}
