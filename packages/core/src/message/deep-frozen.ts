/** No message nests deeper; a value that contains itself ends here too. */
const MAX_DEPTH = 64;

/** Whether nothing in `value` can change. Bytes always can, and so, for this, can what nests deeper than 64 levels. */
export function isDeepFrozen(value: unknown, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (depth > MAX_DEPTH || value instanceof Uint8Array || !Object.isFrozen(value)) return false;
  return Object.values(value).every((one) => isDeepFrozen(one, depth + 1));
}
