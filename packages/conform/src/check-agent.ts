import { OPTION, type OptionTable } from '@agentwire/core/internal';
import { runAgentChecks } from './agent/run-agent-checks.ts';
import type { CheckResult } from './check.ts';
import { type ConformOptions, type RunSettings, resolveRun, SHARED_TABLE } from './options.ts';
import { dialGrpc } from './raw/grpc-channel.ts';
import { dialStream } from './raw/stream-channel.ts';
import { type ConformReport, reportOf } from './report.ts';
import type { ProtocolForm } from './wire/wire.ts';

/** Options of {@link checkAgent}. */
export interface CheckAgentOptions extends ConformOptions {
  /** Token that the agent requires; default none. */
  readonly token?: string | undefined;
  /** Called before the checks of a protocol form start. */
  readonly onForm?: ((form: ProtocolForm) => void) | undefined;
}

const TABLE: OptionTable<CheckAgentOptions> = { ...SHARED_TABLE, token: OPTION.token, onForm: OPTION.function };

/** Connects once, so that an endpoint without a listener is one error and not a row for every check. */
async function probe({ endpoint, clock, timeoutMs, access, forms }: RunSettings): Promise<void> {
  const dial = forms[0] === 'grpc' ? dialGrpc : dialStream;
  (await dial(endpoint, clock, timeoutMs, access)).destroy();
}

const isSpoken = (results: readonly CheckResult[]): boolean => results.some(({ outcome }) => outcome === 'pass');

/** Skips a dialect whose handshake was not answered, as long as the agent speaks the other one. */
function skipUnspoken(byForm: readonly (readonly CheckResult[])[]): CheckResult[] {
  if (!byForm.some(isSpoken)) return byForm.flat();
  return byForm.flatMap((results) => {
    const [first] = results;
    if (first?.id !== 'handshake-answer' || first.outcome !== 'fail') return results;
    return [{ ...first, outcome: 'skip', reason: `this dialect is not spoken: ${first.reason ?? ''}` }];
  });
}

/**
 * Checks the agent that listens at `endpoint` from outside, frame by frame.
 *
 * Without `dialect` both dialects are checked, and one that the agent does not speak is skipped.
 *
 * @param endpoint in the grammar of `parseEndpoint`: `unix:`, `tcp:`, `tls:`, `grpc:` or `grpcs:`
 * @throws AgentwireError `ERR_CONNECT` or `ERR_TIMEOUT` when no connection can be opened, `ERR_INVALID_ADDRESS`,
 *   `ERR_INVALID_ARGUMENT`
 */
export async function checkAgent(endpoint: string, options: CheckAgentOptions = {}): Promise<ConformReport> {
  const settings = resolveRun('checkAgent', endpoint, options, TABLE);
  const access = { ...settings.access, token: options.token };
  await probe(settings);
  const byForm: CheckResult[][] = [];
  for (const form of settings.forms) {
    options.onForm?.(form);
    byForm.push(await runAgentChecks(settings.endpoint, form, { ...settings, access, onResult: options.onResult }));
  }
  return reportOf(settings.endpoint, skipUnspoken(byForm));
}
