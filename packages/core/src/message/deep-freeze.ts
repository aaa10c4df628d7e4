/** Depth limit of {@link isDeepFrozen}: no message nests deeper, and a value that contains itself ends here. */
const MAX_DEPTH = 64;

/** Returns whether nothing in `value` can change; `false` for bytes, and for what nests deeper than 64 levels. */
export function isDeepFrozen(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth > MAX_DEPTH || value instanceof Uint8Array || !Object.isFrozen(value)) return false;
  return Object.values(value).every((one) => isDeepFrozen(one, depth + 1));
}

/** Freezes a plain value and what it contains, and returns it. Byte arrays cannot be frozen and stay as they are. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || Object.isFrozen(value))
    return value;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
  return value;
}
