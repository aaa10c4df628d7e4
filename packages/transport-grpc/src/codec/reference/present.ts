/** `T` without `undefined` among the values of its optional properties. */
export type Present<T> = {
  [K in keyof T as MayMiss<T[K], never, K>]: T[K];
} & { [K in keyof T as MayMiss<T[K], K, never>]?: Exclude<T[K], undefined> };

/** `unknown` may hold `undefined` too, but a property of that type is there. */
type MayMiss<V, Yes, No> = unknown extends V ? No : undefined extends V ? Yes : No;

/** Takes out what is `undefined`: with exactOptionalPropertyTypes an absent property and `undefined` differ. */
export function present<T extends object>(value: T): Present<T> {
  const record = value as Record<string, unknown>;
  for (const key of Object.keys(record)) if (record[key] === undefined) delete record[key];
  return value;
}

/** All of `T`, `undefined` where it may be absent: a reader that leaves a field out does not compile. */
export type Every<T> = { [K in keyof T]-?: undefined extends T[K] ? T[K] | undefined : T[K] };

/**
 * Asserts at compile time that a writer has taken every field out of a message: a field that is left does not compile. Its
 * `type` is written by the number of the message.
 */
export function nothingLeft<T extends object>(
  _rest: T & ([Exclude<keyof T, 'type'>] extends [never] ? unknown : never),
): void {
  // for the compiler
}
