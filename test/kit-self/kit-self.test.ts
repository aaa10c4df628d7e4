import type { Transport } from '@agentwire/core';
import type { ManualClock } from '@agentwire/core/testing';
import { listCases, runCase, type ComplianceCase, type TransportUnderTest } from '@agentwire/transport-compliance';
import { createMemoryTransport } from '@agentwire/transport-memory';
import { describe, expect, test } from 'vitest';
import { coded, malform } from './coded-transport.ts';
import type { Mutant } from './mutant.ts';
import { FLOW_MUTANTS } from './mutants/flow.ts';
import { LISTENING_MUTANTS } from './mutants/listening.ts';
import { MESSAGE_MUTANTS } from './mutants/messages.ts';
import { OPENING_MUTANTS } from './mutants/opening.ts';
import { tamper } from './tamper.ts';

const MUTANTS: readonly Mutant[] = [...OPENING_MUTANTS, ...LISTENING_MUTANTS, ...MESSAGE_MUTANTS, ...FLOW_MUTANTS];

function caseOf(id: string): ComplianceCase {
  const found = listCases().find((one) => one.id === id);
  if (found === undefined) throw new Error(`the kit has no case ${id}`);
  return found;
}

function subject(
  spoil: (transport: Transport, clock: ManualClock) => Transport,
  caseTimeoutMs: number,
): TransportUnderTest {
  let addresses = 0;
  return {
    name: 'mutant',
    create: ({ clock }) => spoil(coded(createMemoryTransport({ clock })), clock),
    address: () => `memory:mutant-${(addresses += 1)}`,
    caseTimeoutMs,
    malform,
    runner: { describe: (_name, body) => body(), test: () => undefined },
  };
}

describe('the kit, tested by transports with one bug each', () => {
  for (const { bug, foundBy, spoil } of MUTANTS) {
    test(`${bug}: found by ${foundBy.join(', ')}`, async () => {
      const outcomes = await Promise.allSettled(foundBy.map((id) => runCase(caseOf(id), subject(spoil, 250))));
      const missed = foundBy.filter((_id, at) => outcomes[at]?.status === 'fulfilled');
      expect(missed).toEqual([]);
    });
  }

  test('has a mutant for every case', () => {
    const found = new Set(MUTANTS.flatMap((mutant) => mutant.foundBy));
    expect(
      listCases()
        .map((one) => one.id)
        .filter((id) => !found.has(id)),
    ).toEqual([]);
  });

  test.each(listCases())('does not blame the wrapping: $id', async (one) => {
    await expect(
      runCase(
        one,
        subject((transport) => tamper(transport, {}), 4000),
      ),
    ).resolves.toBeUndefined();
  });
});
