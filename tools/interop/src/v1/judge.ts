import { differsFromFile } from '../judge/committed.ts';
import { complaintsOf } from '../judge/judge.ts';
import type { VersionOneCell, VersionOnePlayed } from './cell.ts';
import { VERSION_ONE_EXPECTED } from './expected.ts';
import { VERSION_ONE_REASONS } from './reasons.ts';

/** Finding of one scenario of version 1 with one pair. */
export interface VersionOneFinding extends VersionOneCell {
  readonly scenario: string;
  readonly verdict: 'same' | 'explained' | 'different';
  /** Letters of the reasons. */
  readonly reasons?: readonly string[];
  readonly complaints?: readonly string[];
}

const complaints = (scenario: string, { outcomes }: VersionOnePlayed): string[] =>
  complaintsOf(scenario, outcomes, 'uds-json', VERSION_ONE_EXPECTED);

/** A reason counts where the crate fails at the same with itself in the same run. */
function reasonFor(cell: VersionOneCell, scenario: string, complaint: string, proof: readonly string[]): string[] {
  const reason = VERSION_ONE_REASONS.find(
    ({ scenario: about, saw, where }) => about === scenario && saw.test(complaint) && where(cell) && proof.length > 0,
  );
  return reason === undefined ? [] : [reason.letter];
}

/** Compares every pair with the table of the reference agent. */
export function judgeVersionOne(all: readonly VersionOnePlayed[]): VersionOneFinding[] {
  const crate = all.find(({ proxy, agent }) => proxy === 'crate' && agent === 'crate');
  return all.flatMap((played) =>
    [...VERSION_ONE_EXPECTED.keys()].map((scenario): VersionOneFinding => {
      const { proxy, agent } = played;
      const place = { proxy, agent, scenario };
      const found = complaints(scenario, played);
      if (found.length === 0) return { ...place, verdict: 'same' };
      const proof = crate === undefined ? [] : complaints(scenario, crate);
      const reasons = found.flatMap((complaint) => reasonFor(played, scenario, complaint, proof));
      if (reasons.length < found.length) return { ...place, verdict: 'different', complaints: found };
      return { ...place, verdict: 'explained', reasons: [...new Set(reasons)], complaints: found };
    }),
  );
}

/** Lists results of the crate with itself that differ from the committed ones. */
export function compareVersionOneWithCommitted(all: readonly VersionOnePlayed[]): string[] {
  return all.flatMap(({ proxy, agent, outcomes }) =>
    proxy === 'crate' && agent === 'crate' ? differsFromFile('vectors/crate-vs-crate-v1.json', outcomes) : [],
  );
}
