import { AgentwireError } from '@agentwire/core';
import { OPTION, type OptionTable } from '@agentwire/core/internal';
import type { CheckResult } from './check.ts';
import { type ConformOptions, resolveRun, SHARED_TABLE } from './options.ts';
import { runProxyChecks } from './proxy/run-proxy-checks.ts';
import { type ConformReport, reportOf } from './report.ts';
import type { ProtocolForm } from './wire/wire.ts';

/** Options of {@link checkProxy}. */
export interface CheckProxyOptions extends ConformOptions {
  /** URL at which the proxy accepts HTTP requests. Its route must ask the simulated agent, and fail closed. */
  readonly url: string;
  /**
   * Longest wait for the proxy's first connection, and after it for the first request that reaches the agent, in
   * milliseconds, 50 to 86 400 000; default 30 000. Raise it for a proxy that is started by hand.
   */
  readonly waitMs?: number | undefined;
  /** Called once the simulated agent listens, with its address (the real port for port 0). Start the proxy here. */
  readonly onListening?: ((address: string, form: ProtocolForm) => void) | undefined;
}

const TABLE: OptionTable<CheckProxyOptions> = {
  ...SHARED_TABLE,
  url: OPTION.text,
  waitMs: OPTION.integer(50, 86_400_000),
  onListening: OPTION.function,
};

/**
 * Listens at `endpoint` as an agent and checks the proxy that connects there, sending HTTP requests to `options.url`.
 *
 * After a check that the proxy does not recover from, the rest is skipped; start the proxy again and pass the rest as `only`.
 *
 * @param endpoint in the grammar of `parseEndpoint`: `unix:`, `tcp:`, `tls:`, `grpc:` or `grpcs:`
 * @throws AgentwireError `ERR_TIMEOUT` when no proxy connects or none of its requests reaches the agent, `ERR_CONNECT` when the
 *   endpoint cannot be bound, `ERR_INVALID_ADDRESS`, `ERR_INVALID_ARGUMENT`
 */
export async function checkProxy(endpoint: string, options: CheckProxyOptions): Promise<ConformReport> {
  const { forms, ...settings } = resolveRun('checkProxy', endpoint, options, TABLE);
  const { url, waitMs = 30_000, onListening, onResult } = options;
  if (!URL.canParse(url)) throw new AgentwireError('ERR_INVALID_ARGUMENT', 'url must be an absolute URL');
  const results: CheckResult[] = [];
  for (const form of forms)
    results.push(
      ...(await runProxyChecks(settings.endpoint, form, {
        ...settings,
        url,
        waitMs,
        onResult,
        onListening: (address) => onListening?.(address, form),
      })),
    );
  return reportOf(settings.endpoint, results);
}
