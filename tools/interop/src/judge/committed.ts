import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { here } from '../builds/paths.ts';
import { type Outcome, showSeen } from '../outcome/outcome.ts';
import { type CrateEntry, readEntry } from '../proxies/crate-proxy.ts';
import type { Played } from './cell.ts';

/** Scenarios in which two runs of the crate need not agree: they are about time, or hold counts of connections. */
const UNSTEADY = /^(cancel|unasked|late-answer)/;

/** Lists results of the crate with itself that differ from those committed in `vectors/`. */
export function compareWithCommitted(all: readonly Played[]): string[] {
  return all.flatMap(({ medium, proxy, agent, outcomes }) => {
    if (proxy !== 'crate' || agent !== 'crate') return [];
    return differsFromFile(`vectors/crate-vs-crate-${medium}.json`, outcomes);
  });
}

/** Lists outcomes of the crate with itself that differ from those in a committed file. */
export function differsFromFile(file: string, outcomes: readonly Outcome[]): string[] {
  const committed = (JSON.parse(readFileSync(here(file), 'utf8')) as CrateEntry[]).map(readEntry);
  if (committed.length !== outcomes.length)
    return [`${file} has ${committed.length} entries, the crate gave ${outcomes.length}`];
  return committed.flatMap(({ scenario, step, seen }, index) => {
    const now = outcomes[index]?.seen ?? { error: 'nothing' };
    if (UNSTEADY.test(scenario) || isDeepStrictEqual(now, seen)) return [];
    return [`${file}, ${scenario} ${step}: committed ${showSeen(seen)}, now ${showSeen(now)}`];
  });
}
