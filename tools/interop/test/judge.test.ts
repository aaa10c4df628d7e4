import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { here } from '../src/builds/paths.ts';
import type { Cell, Played } from '../src/judge/cell.ts';
import { judge } from '../src/judge/judge.ts';
import { REASONS } from '../src/judge/reasons.ts';
import { type CrateEntry, readEntry } from '../src/proxies/crate-proxy.ts';
import { EXPECTED, type Medium } from '../src/scenarios/expected.ts';
import { SCENARIOS } from '../src/scenarios/scenarios.ts';

/** Committed results of the crate with itself. */
function committed(medium: Medium): Played {
  const text = readFileSync(here(`vectors/crate-vs-crate-${medium}.json`), 'utf8');
  const outcomes = (JSON.parse(text) as CrateEntry[]).map(readEntry);
  return { medium, proxy: 'crate', agent: 'crate', outcomes };
}

const at = (cell: Cell, scenario: string, played: readonly Played[]): ReturnType<typeof judge>[number] | undefined =>
  judge(played).find(
    (one) =>
      one.scenario === scenario && one.proxy === cell.proxy && one.agent === cell.agent && one.medium === cell.medium,
  );

describe('scenarios', () => {
  it('each have what is expected of them, and nothing more is expected', () => {
    expect([...EXPECTED.keys()]).toEqual(SCENARIOS.map(({ name }) => name));
  });

  it('are those that the crate plays', () => {
    const played = new Set(committed('uds-json').outcomes.map(({ scenario }) => scenario));
    expect([...EXPECTED.keys()].filter((name) => !played.has(name))).toEqual([]);
  });
});

describe.each(['uds-json', 'uds-msgpack', 'grpc'] as const)('the crate with itself over %s', (medium) => {
  it('does what is expected, or there is a reason', () => {
    expect(judge([committed(medium)]).filter(({ verdict }) => verdict === 'different')).toEqual([]);
  });

  it('is the proof of a reason: without it, nothing is explained', () => {
    const crate = committed(medium);
    const other: Played = { ...crate, proxy: 'session' };
    expect(at(other, 'guardrail-clean', [crate, other])?.verdict).toBe(medium === 'grpc' ? 'different' : 'explained');
    expect(at(other, 'guardrail-clean', [other])?.verdict).toBe('different');
  });
});

describe('a difference', () => {
  const ours: Played = { ...committed('uds-json'), proxy: 'session', agent: 'ours' };

  it('is told, when a step is missing or another one', () => {
    const outcomes = ours.outcomes.filter(({ scenario }) => scenario !== 'block');
    expect(at(ours, 'block', [{ ...ours, outcomes }])?.complaints?.[0]).toMatch(/^0 steps instead of 1/);
  });

  it('is told, when a decision differs in one field', () => {
    const outcomes = ours.outcomes.map((outcome) =>
      outcome.scenario === 'allow' ? { ...outcome, seen: { effect: { verdict: 'allow', tags: ['seen'] } } } : outcome,
    );
    expect(at(ours, 'allow', [{ ...ours, outcomes }])).toMatchObject({ verdict: 'different' });
    expect(at(ours, 'allow', [ours])).toMatchObject({ verdict: 'same' });
  });

  it('between ours and ours is explained by nothing', () => {
    const failing = judge([ours]).filter(({ verdict }) => verdict !== 'same');
    expect(failing.length).toBeGreaterThan(0);
    expect(new Set(failing.map(({ verdict }) => verdict))).toEqual(new Set(['different']));
  });
});

it('each reason has a letter of its own', () => {
  expect(new Set(REASONS.map(({ letter }) => letter)).size).toBe(REASONS.length);
});
