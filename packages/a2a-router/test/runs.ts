/** Cases of a property test: 5000, or as many as `AGENTWIRE_RUNS` says. */
export const RUNS: number = Number(process.env['AGENTWIRE_RUNS'] ?? 5000);
