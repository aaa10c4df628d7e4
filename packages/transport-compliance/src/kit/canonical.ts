/**
 * Brings a sent and an arrived message into one form: a field that is `undefined` is absent, lists that mean nothing when
 * empty are left out, any bytes are plain bytes, and an id is the same as number and as bigint.
 */
export function canonical(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  if (value instanceof Uint8Array) return value.length > LONG ? summary(value) : Uint8Array.from(value);
  if (typeof value === 'string' && value.length > LONG) return summary(new TextEncoder().encode(value));
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null || value instanceof Error) return value;
  const fields = Object.entries(value)
    .map(([key, field]) => [key, canonical(field)] as const)
    .filter(([key, field]) => field !== undefined && !(OPTIONAL_LISTS.has(key) && isEmpty(field)));
  return Object.fromEntries(fields.toSorted(([one], [two]) => (one < two ? -1 : 1)));
}

/** Longest text and bytes that are compared one by one: a diff of megabytes would take minutes to make. */
const LONG = 1024;

function summary(bytes: Uint8Array): string {
  let hash = 2_166_136_261;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 16_777_619) >>> 0;
  return `${bytes.length} bytes with hash ${hash}`;
}

// Of a Decision and its Audit; `needsMore: false` says the same as no `needsMore`.
const OPTIONAL_LISTS: ReadonlySet<string> = new Set([
  'requestHeaders',
  'responseHeaders',
  'audit',
  'tags',
  'ruleIds',
  'reasonCodes',
  'custom',
  'routingMetadata',
  'needsMore',
]);

function isEmpty(field: unknown): boolean {
  return field === false || (typeof field === 'object' && field !== null && Object.keys(field).length === 0);
}
