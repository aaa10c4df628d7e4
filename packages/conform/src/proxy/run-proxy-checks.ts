import type { Clock, Endpoint } from '@agentwire/core';
import { type Check, CheckFailure, type CheckResult, CheckSkipped } from '../check.ts';
import type { Access } from '../raw/access.ts';
import type { ProtocolForm } from '../wire/wire.ts';
import { bodyChecks } from './checks/bodies.ts';
import { damageChecks } from './checks/damage.ts';
import { openingChecks } from './checks/opening.ts';
import { outOfTurnChecks } from './checks/out-of-turn.ts';
import { requestChecks } from './checks/requests.ts';
import { grpcProxy } from './grpc-proxy-wire.ts';
import { documentedProxy, zentinelProxy } from './json-proxy-wire.ts';
import { ProxyUnderTest } from './under-test.ts';

/** Every check of a proxy, in the order in which they run. */
export const PROXY_CHECKS: readonly Check<ProxyUnderTest>[] = [
  ...requestChecks,
  ...bodyChecks,
  ...damageChecks,
  ...outOfTurnChecks,
  ...openingChecks,
];

const WIRES = { documented: documentedProxy, zentinel: zentinelProxy, grpc: grpcProxy };

/** Settings of {@link runProxyChecks}. */
export interface ProxyRunOptions {
  readonly clock: Clock;
  /** Timeout of every wait, in milliseconds. */
  readonly timeoutMs: number;
  /** Longest wait for the proxy's first connection, and after it for the first request that reaches the agent, in milliseconds. */
  readonly waitMs: number;
  /** URL at which the proxy accepts the HTTP requests of the checks. */
  readonly url: string;
  /** Certificates of the simulated agent; default none. */
  readonly access?: Access;
  /** Ids of the checks to run; default all. */
  readonly only?: ReadonlySet<string> | undefined;
  /** Called with each result. */
  readonly onResult?: ((result: CheckResult) => void) | undefined;
  /** Called with the address once the simulated agent listens. */
  readonly onListening?: ((address: string) => void) | undefined;
}

/** Outcome of a check. */
type Found = Pick<CheckResult, 'outcome' | 'reason'>;

async function findOut({ run }: Check<ProxyUnderTest>, under: ProxyUnderTest): Promise<Found> {
  try {
    await run(under);
    return { outcome: 'pass' };
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof CheckSkipped) return { outcome: 'skip', reason: message };
    return { outcome: 'fail', reason: error instanceof CheckFailure ? message : `unexpected: ${message}` };
  } finally {
    under.reset();
  }
}

/** Waits for a proxy that asks its agent. @returns the reason reason this form cannot be checked */
async function untilAsked(
  under: ProxyUnderTest,
  address: string,
  { waitMs, timeoutMs, url }: ProxyRunOptions,
): Promise<string | undefined> {
  await under
    .until('', () => under.connections.length > 0, waitMs)
    .catch(() => {
      throw ProxyUnderTest.noProxy(address);
    });
  const problems = (): readonly string[] => under.connections[0]?.problems ?? [];
  if (await under.asks(problems().length > 0 ? timeoutMs * 4 : waitMs)) return undefined;
  if (problems().length === 0) throw ProxyUnderTest.notAsked(address, url);
  return `this dialect is not spoken: ${problems().join('; ')}`;
}

/**
 * Listens at `endpoint` as an agent, waits for a proxy to connect and to ask, and runs every check that applies to `form`.
 *
 * If the proxy no longer asks after a failed check, the rest is skipped: it would fail for the same reason.
 *
 * @throws AgentwireError `ERR_TIMEOUT` when no proxy connects or none of its requests gets here, `ERR_CONNECT` when the endpoint
 *   cannot be bound
 */
export async function runProxyChecks(
  endpoint: Endpoint,
  form: ProtocolForm,
  options: ProxyRunOptions,
): Promise<CheckResult[]> {
  const { clock, timeoutMs, url, only, onListening } = options;
  const under = new ProxyUnderTest(WIRES[form], url, clock, timeoutMs);
  try {
    const address = await under.listen(endpoint, options.access);
    onListening?.(address);
    const unspoken = await untilAsked(under, address, options);
    const results: CheckResult[] = [];
    let lost = unspoken;
    let suspect: string | undefined;
    for (const check of PROXY_CHECKS) {
      const { id, title, section, level, forms } = check;
      if (forms?.includes(form) === false || only?.has(id) === false) continue;
      if (suspect !== undefined && !(await under.asks())) lost ??= `the proxy has not asked its agent since ${suspect}`;
      const found: Found = lost === undefined ? await findOut(check, under) : { outcome: 'skip', reason: lost };
      suspect = found.outcome === 'pass' || lost !== undefined ? undefined : id;
      const result: CheckResult = { id, form, title, section, level, ...found };
      results.push(result);
      options.onResult?.(result);
    }
    return results;
  } finally {
    under.close();
  }
}
