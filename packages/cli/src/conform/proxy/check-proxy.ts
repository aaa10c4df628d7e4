import type { Clock, Endpoint } from '@agentwire/core';
import { CheckFailure, type CheckResult } from '../check.ts';
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
  /** How long the proxy's first connection is waited for, in milliseconds. */
  readonly waitMs: number;
  /** Where the proxy takes HTTP requests, which the checks send. */
  readonly url: string;
  /** Told where the agent listens, once it does. */
  readonly onListening?: (address: string) => void;
}

/**
 * Plays an agent at `endpoint`, waits for a proxy to connect, and puts it through every check that is for `form`.
 *
 * @throws AgentwireError `ERR_TIMEOUT` when no proxy connects, `ERR_CONNECT` when the endpoint cannot be bound
 */
export async function checkProxy(endpoint: Endpoint, form: Form, options: CheckProxyOptions): Promise<CheckResult[]> {
  const { clock, patienceMs, waitMs, url, onListening } = options;
  const under = new ProxyUnderTest(WIRES[form], url, clock, patienceMs);
  try {
    const address = await under.listen(endpoint);
    onListening?.(address);
    await under
      .until('', () => under.connections.length > 0, waitMs)
      .catch(() => {
        throw ProxyUnderTest.noProxy(address);
      });
    const results: CheckResult[] = [];
    for (const { id, says, section, level, forms, run } of PROXY_CHECKS) {
      if (forms !== undefined && !forms.includes(form)) continue;
      const why = await run(under).then(
        () => undefined,
        (error: Error) => (error instanceof CheckFailure ? error.message : `unexpected: ${error.message}`),
      );
      under.calm();
      results.push({
        id,
        form,
        says,
        section,
        level,
        outcome: why === undefined ? 'pass' : 'fail',
        ...(why !== undefined && { why }),
      });
    }
    return results;
  } finally {
    under.close();
  }
}
