import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { here } from '../src/builds/paths.ts';
import { type CrateEntry, readEntry } from '../src/proxies/crate-proxy.ts';
import type { VersionOneCell, VersionOnePlayed } from '../src/v1/cell.ts';
import { VERSION_ONE_EXPECTED } from '../src/v1/expected.ts';
import { compareVersionOneWithCommitted, judgeVersionOne, type VersionOneFinding } from '../src/v1/judge.ts';
import { VERSION_ONE_REASONS } from '../src/v1/reasons.ts';
import { VERSION_ONE_SCENARIOS } from '../src/v1/scenarios.ts';

const entries = JSON.parse(readFileSync(here('vectors/crate-vs-crate-v1.json'), 'utf8')) as CrateEntry[];
const crate: VersionOnePlayed = { proxy: 'crate', agent: 'crate', outcomes: entries.map(readEntry) };
const as = (cell: VersionOneCell): VersionOnePlayed => ({ ...crate, ...cell });
const ofScenario = (name: string, findings: readonly VersionOneFinding[]): VersionOneFinding | undefined =>
  findings.find(({ scenario }) => scenario === name);

describe('version 1', () => {
  it('has the same scenarios on both sides, and something is expected of each', () => {
    const names = VERSION_ONE_SCENARIOS.map(({ name }) => name);
    expect([...new Set(entries.map(({ scenario }) => scenario))]).toEqual(names);
    expect(names.filter((name) => (VERSION_ONE_EXPECTED.get(name) ?? []).length === 0)).toEqual([]);
  });

  it('of the crate with itself does what is expected, or there is a reason', () => {
    const findings = judgeVersionOne([crate]).filter(({ verdict }) => verdict !== 'same');
    expect(findings.map(({ scenario, verdict, reasons }) => [scenario, verdict, reasons])).toEqual([
      ['throw', 'explained', ['a']],
      ['late-answer', 'explained', ['b']],
    ]);
  });

  it('is compared with what is committed', () => {
    expect(compareVersionOneWithCommitted([crate])).toEqual([]);
    const outcomes = crate.outcomes.filter(({ scenario }) => scenario !== 'allow');
    expect(compareVersionOneWithCommitted([{ ...crate, outcomes }])).toHaveLength(1);
  });

  it('explains nothing without the proof, and nothing of ours with a fault of the crate', () => {
    const asked = as({ proxy: 'ours', agent: 'crate' });
    expect(ofScenario('throw', judgeVersionOne([asked, crate]))?.verdict).toBe('explained');
    expect(ofScenario('throw', judgeVersionOne([asked]))?.verdict).toBe('different');
    const late = judgeVersionOne([as({ proxy: 'crate', agent: 'ours' }), crate]);
    expect(ofScenario('late-answer', late)?.complaints?.[0]).toMatch(/expected the block that was asked for/);
    expect(ofScenario('late-answer', late)?.verdict).toBe('different');
  });

  it('has a letter for each reason', () => {
    expect(new Set(VERSION_ONE_REASONS.map(({ letter }) => letter)).size).toBe(VERSION_ONE_REASONS.length);
  });
});
