import { systemClock } from '@agentwire/core';
import type { ComplianceCase } from './compliance-case.ts';
import { Kit } from './kit/kit.ts';
import type { TransportUnderTest } from './transport-under-test.ts';

const DEFAULT_PATIENCE_MS = 20_000;

/**
 * Runs one case on a fresh transport and cleans up after it, whatever happens.
 *
 * Rejects with what the case found, or with what it was waiting for when it took longer than `subject.patienceMs`.
 */
export async function runCase(one: ComplianceCase, subject: TransportUnderTest): Promise<void> {
  const patienceMs = subject.patienceMs ?? DEFAULT_PATIENCE_MS;
  const patience = new AbortController();
  const kit = await Kit.create(subject, patience.signal);
  const hangs = Promise.withResolvers<never>();
  hangs.promise.catch(() => undefined);
  const timer = systemClock.setTimeout(() => {
    const error = new Error(`${one.id} took longer than ${patienceMs} ms, waiting for ${kit.waitingFor}`);
    patience.abort(error);
    hangs.reject(error);
  }, patienceMs);
  let failed = true;
  try {
    await Promise.race([one.run(kit), hangs.promise]);
    failed = false;
  } finally {
    await Promise.race([kit.finish(failed), hangs.promise]).finally(() => systemClock.clearTimeout(timer));
  }
}
