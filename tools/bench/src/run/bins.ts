/** Edges of the bins that latencies are counted in, in milliseconds: twelve to a decade, from 10 µs to 1 s. */
export const BIN_EDGES_MS: readonly number[] = Array.from({ length: 61 }, (_, i) => 0.01 * 10 ** (i / 12));
