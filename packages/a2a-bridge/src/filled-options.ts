/** Options with every default filled in. */
export type Filled<T> = { readonly [Key in keyof T]-?: Exclude<T[Key], undefined> };

/** Options that were given: those that are undefined stand for their default. */
export function given<T extends object>(options: T): Partial<Filled<T>> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<Filled<T>>;
}
