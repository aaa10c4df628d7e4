import assert from 'node:assert/strict';
import { checkKnownOptions } from '@agentwire/core/internal';
import type { ComplianceCase } from './compliance-case.ts';
import { KIT_FEATURES, type KitFeature } from './feature.ts';
import { listCases } from './list-cases.ts';
import { runCase } from './run-case.ts';
import type { TransportUnderTest } from './transport-under-test.ts';

/**
 * Declares one test for every rule of the transport contract with the runner of `subject`.
 *
 * @throws Error when `knownFailures` or `features` names something that the kit does not have.
 */
export function testTransport(subject: TransportUnderTest): void {
  const known = new Set(subject.knownFailures);
  const ids = new Set(listCases().map((one) => one.id));
  for (const id of known) if (!ids.has(id)) throw new Error(`knownFailures names ${id}, which is no case of the kit`);
  checkKnownOptions('features', subject.features ?? {}, Object.keys(KIT_FEATURES));
  const { describe, test } = subject.runner;
  describe(`${subject.name} keeps the transport contract`, () => {
    for (const one of listCases()) {
      const name = `${one.id}: ${one.rule}`;
      const missing = one.needs.filter((feature) => lacks(subject, feature));
      if (missing.length > 0) test.skip?.(`${name} (needs ${missing.join(', ')})`, () => Promise.resolve());
      else if (known.has(one.id)) test(`${name} (known to fail)`, () => mustFail(one, subject));
      else test(name, () => runCase(one, subject));
    }
  });
}

function lacks(subject: TransportUnderTest, feature: KitFeature): boolean {
  return subject.features?.[feature] === false || (feature === 'malform' && subject.malform === undefined);
}

async function mustFail(one: ComplianceCase, subject: TransportUnderTest): Promise<void> {
  const failed = await runCase(one, subject).then(
    () => false,
    () => true,
  );
  assert.ok(failed, `${one.id} holds now: take it out of knownFailures`);
}
