import { EXPECTED, type Medium, type Steps } from '../scenarios/expected.ts';
import type { Outcome } from '../outcome/outcome.ts';
import { type Cell, isCrate, type Played } from './cell.ts';
import { REASONS } from './reasons.ts';

/** Finding of one scenario in one cell. */
export interface Finding extends Cell {
  readonly scenario: string;
  /** `same` as the reference table, `explained` by what the crate cannot do, or `different`. */
  readonly verdict: 'same' | 'explained' | 'different';
  /** Letters of the reasons. */
  readonly reasons?: readonly string[];
  readonly complaints?: readonly string[];
}

/** Lists differences between a scenario's outcomes and the reference table. */
export function complaintsOf(
  scenario: string,
  outcomes: readonly Outcome[],
  medium: Medium,
  table: ReadonlyMap<string, Steps> = EXPECTED,
): string[] {
  const steps = table.get(scenario) ?? [];
  const seen = outcomes.filter((outcome) => outcome.scenario === scenario);
  if (seen.length !== steps.length)
    return [`${seen.length} steps instead of ${steps.length}: ${JSON.stringify(seen).slice(0, 200)}`];
  return steps.flatMap(([step, check], index) => {
    const outcome = seen[index];
    if (outcome?.step !== step) return [`step ${outcome?.step} instead of ${step}`];
    const complaint = check(outcome.seen, { medium });
    return complaint === undefined ? [] : [`${step}: ${complaint}`];
  });
}

/** The field in which the crate shows that it is not the other side's fault. */
function proofOf(cell: Cell, all: readonly Played[]): Played | undefined {
  const proxy = isCrate(cell.proxy) ? cell.proxy : 'crate';
  return all.find((one) => one.medium === cell.medium && one.agent === 'crate' && one.proxy === proxy);
}

function reasonFor(cell: Cell, scenario: string, complaint: string, all: readonly Played[]): string | undefined {
  const reason = REASONS.find(
    ({ scenarios, saw, where }) => scenarios.test(scenario) && saw.test(complaint) && where(cell),
  );
  if (reason === undefined) return undefined;
  if (reason.decided === true) return reason.letter;
  const proof = proofOf(cell, all);
  const proven = proof !== undefined && complaintsOf(reason.proof ?? scenario, proof.outcomes, cell.medium).length > 0;
  return proven ? reason.letter : undefined;
}

/** Compares every field with the reference table, and looks for reasons where it differs. */
export function judge(all: readonly Played[]): Finding[] {
  return all.flatMap((played) => {
    const { medium, proxy, agent, outcomes } = played;
    return [...EXPECTED.keys()].map((scenario): Finding => {
      const place = { medium, proxy, agent, scenario };
      const complaints = complaintsOf(scenario, outcomes, medium);
      if (complaints.length === 0) return { ...place, verdict: 'same' };
      const reasons = complaints.map((complaint) => reasonFor(played, scenario, complaint, all));
      const known = reasons.filter((letter) => letter !== undefined);
      if (known.length < complaints.length) return { ...place, verdict: 'different', complaints };
      return { ...place, verdict: 'explained', reasons: [...new Set(known)], complaints };
    });
  });
}
