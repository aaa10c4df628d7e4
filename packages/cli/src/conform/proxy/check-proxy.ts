import type { Clock, Endpoint } from '@agentwire/core';
import { type Check, CheckFailure, type CheckResult, CheckSkipped } from '../check.ts';
import type { Access } from '../raw/access.ts';
import type { Form } from '../wire/wire.ts';
import { PROXY_CHECKS } from './checks.ts';
import { grpcProxy } from './grpc-proxy-wire.ts';
import { documentedProxy, zentinelProxy } from './json-proxy-wire.ts';
import { ProxyUnderTest } from './under-test.ts';

const WIRES = { documented: documentedProxy, zentinel: zentinelProxy, grpc: grpcProxy };

/** What {@link checkProxy} needs to know. */
export interface CheckProxyOptions {
  readonly clock: Clock;
  /** How long anything is waited for, in milliseconds. */
  readonly patienceMs: number;
  /** How long the proxy's first connection, and after it the first request that comes through, are waited for, in milliseconds. */
  readonly waitMs: number;
  /** Where the proxy takes HTTP requests, which the checks send. */
  readonly url: string;
  /** Certificates of the agent that is played; default none. */
  readonly access?: Access;
  /** Ids of the checks that are run; default all. */
  readonly only?: ReadonlySet<string>;
  /** Told where the agent listens, once it does. */
  readonly onListening?: (address: string) => void;
}

/** What {@link CheckResult} says besides the check itself. */
type Found = Pick<CheckResult, 'outcome' | 'why'>;

async function findOut({ run }: Check<ProxyUnderTest>, under: ProxyUnderTest): Promise<Found> {
  try {
    await run(under);
    return { outcome: 'pass' };
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof CheckSkipped) return { outcome: 'skip', why: message };
    return { outcome: 'fail', why: error instanceof CheckFailure ? message : `unexpected: ${message}` };
  } finally {
    under.calm();
  }
}

/** Waits for a proxy that asks. @returns why this form cannot be checked */
async function untilAsked(
  under: ProxyUnderTest,
  address: string,
  { waitMs, patienceMs, url }: CheckProxyOptions,
): Promise<string | undefined> {
  await under
    .until('', () => under.connections.length > 0, waitMs)
    .catch(() => {
      throw ProxyUnderTest.noProxy(address);
    });
  const problems = (): readonly string[] => under.connections[0]?.problems ?? [];
  if (await under.asks(problems().length > 0 ? patienceMs * 4 : waitMs)) return undefined;
  if (problems().length === 0) throw ProxyUnderTest.notAsked(address, url);
  return `this dialect is not spoken: ${problems().join('; ')}`;
}

/**
 * Plays an agent at `endpoint`, waits for a proxy to connect and to ask, and puts it through every check that is for `form`.
 *
 * Once the proxy stops asking after a check that failed, the rest is skipped: it would fail for the same reason.
 *
 * @throws AgentwireError `ERR_TIMEOUT` when no proxy connects or none of its requests gets here, `ERR_CONNECT` when the endpoint
 *   cannot be bound
 */
export async function checkProxy(endpoint: Endpoint, form: Form, options: CheckProxyOptions): Promise<CheckResult[]> {
  const { clock, patienceMs, url, only, onListening } = options;
  const under = new ProxyUnderTest(WIRES[form], url, clock, patienceMs);
  try {
    const address = await under.listen(endpoint, options.access);
    onListening?.(address);
    const unspoken = await untilAsked(under, address, options);
    const results: CheckResult[] = [];
    let lost = unspoken;
    let suspect: string | undefined;
    for (const check of PROXY_CHECKS) {
      const { id, says, section, level, forms } = check;
      if (forms?.includes(form) === false || only?.has(id) === false) continue;
      if (suspect !== undefined && !(await under.asks())) lost ??= `the proxy has not asked its agent since ${suspect}`;
      const found: Found = lost === undefined ? await findOut(check, under) : { outcome: 'skip', why: lost };
      suspect = found.outcome === 'pass' || lost !== undefined ? undefined : id;
      results.push({ id, form, says, section, level, ...found });
    }
    return results;
  } finally {
    under.close();
  }
}
