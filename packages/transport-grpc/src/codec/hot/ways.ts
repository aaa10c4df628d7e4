/**
 * Who writes each field of a message or of a part of one: the hot writer, or the reference, to which a message with such a
 * field is left. A new field does not compile without a place here, and so is never lost without a word.
 */
export type Ways<T> = Readonly<Record<Exclude<keyof T, 'type'>, 'hot' | 'reference'>>;

/** The fields that the reference writes. */
export function byReference<T extends string>(ways: Readonly<Record<T, 'hot' | 'reference'>>): readonly T[] {
  return (Object.keys(ways) as T[]).filter((name) => ways[name] === 'reference');
}
