import { expect, test } from 'vitest';
import { compareTransports, fuzz } from '../src/run.ts';
import { WAYS } from '../src/transports.ts';

// fixed seeds: the gate must say the same about the same code; `pnpm fuzz` takes random ones
const SEED = 20_261_129;

test('1 000 random requests break no invariant', { timeout: 600_000 }, async () => {
  let played = 0;
  const findings = await fuzz({ seed: SEED, rounds: Array(1_000).keys(), ways: WAYS, onRound: () => (played += 1) });
  expect(findings, `pnpm fuzz --seed ${SEED}`).toEqual([]);
  expect(played).toBe(1_000);
});

test('200 random requests look the same over every transport', { timeout: 600_000 }, async () => {
  let played = 0;
  const findings = await compareTransports({
    seed: SEED,
    rounds: Array(200).keys(),
    ways: WAYS,
    onRound: () => (played += 1),
  });
  expect(findings, `pnpm fuzz --compare --seed ${SEED}`).toEqual([]);
  expect(played).toBe(200);
});
