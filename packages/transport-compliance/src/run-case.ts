import { systemClock } from '@agentwire/core';
import type { ComplianceCase } from './compliance-case.ts';
import { Kit } from './kit/kit.ts';
import type { TransportUnderTest } from './transport-under-test.ts';

const DEFAULT_CASE_TIMEOUT_MS = 20_000;

/**
 * Runs one case on a fresh transport and cleans up after it, also when it fails.
 *
 * Rejects with the case's finding, or with what it was waiting for when it took longer than `subject.caseTimeoutMs`.
 */
export async function runCase(one: ComplianceCase, subject: TransportUnderTest): Promise<void> {
  const timeoutMs = subject.caseTimeoutMs ?? DEFAULT_CASE_TIMEOUT_MS;
  const timedOut = new AbortController();
  const kit = await Kit.create(subject, timedOut.signal);
  const hangs = Promise.withResolvers<never>();
  hangs.promise.catch(() => undefined);
  const timer = systemClock.setTimeout(() => {
    const error = new Error(`${one.id} took longer than ${timeoutMs} ms, waiting for ${kit.waitingFor}`);
    timedOut.abort(error);
    hangs.reject(error);
  }, timeoutMs);
  let failed = true;
  try {
    await Promise.race([one.run(kit), hangs.promise]);
    failed = false;
  } catch (error) {
    throw withHint(error, one);
  } finally {
    await Promise.race([kit.finish(failed), hangs.promise]).finally(() => systemClock.clearTimeout(timer));
  }
}

/** Adds to the failure of a case with needs how a medium that lacks them says so. */
function withHint(error: unknown, { needs }: ComplianceCase): unknown {
  if (!(error instanceof Error) || needs.length === 0) return error;
  const features = needs.map((feature) => `${feature}: false`).join(' or ');
  error.message += `\nIf the medium cannot do this, declare it: features: { ${features} }.`;
  return error;
}
