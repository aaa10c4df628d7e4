import type { Endpoint } from '@agentwire/core';
import type { CheckResult } from './check.ts';

/** Result of a run of checks. */
export interface ConformReport {
  /** Checked endpoint, in canonical form. */
  readonly endpoint: string;
  /** `true` when at least one check passed and no check with the level `must` failed. */
  readonly holds: boolean;
  /** Results in the order in which the checks ran, one protocol form after the other. */
  readonly results: readonly CheckResult[];
}

/** Builds the report of a run. */
export function reportOf({ address }: Endpoint, results: readonly CheckResult[]): ConformReport {
  const failed = results.some(({ outcome, level }) => outcome === 'fail' && level === 'must');
  return { endpoint: address, holds: !failed && results.some(({ outcome }) => outcome === 'pass'), results };
}
