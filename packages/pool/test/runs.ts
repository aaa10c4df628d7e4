/** Sequences of a property test: 20 000, or as many as `AGENTWIRE_RUNS` says. */
export const RUNS: number = Number(process.env['AGENTWIRE_RUNS'] ?? 20_000);
