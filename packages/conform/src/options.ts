import { AgentwireError, type Clock, type Endpoint, parseEndpoint, systemClock } from '@agentwire/core';
import { checkOptions, OPTION, type OptionTable } from '@agentwire/core/internal';
import { AGENT_CHECKS } from './agent/run-agent-checks.ts';
import type { CheckResult } from './check.ts';
import { PROXY_CHECKS } from './proxy/run-proxy-checks.ts';
import type { Access } from './raw/access.ts';
import type { ProtocolForm } from './wire/wire.ts';

/** PEM text or bytes of keys and certificates for `tls:` and `grpcs:` endpoints. */
export interface ConformTls {
  /** Own certificate chain; required to listen. */
  readonly cert?: string | Uint8Array | undefined;
  /** Private key of `cert`. */
  readonly key?: string | Uint8Array | undefined;
  /** Certificate authorities of the peer; default those of Node. When listening, the peer must then show a certificate. */
  readonly ca?: string | Uint8Array | undefined;
  /** Expected name in the peer's certificate when dialling; default the host of the endpoint. */
  readonly servername?: string | undefined;
}

/** Options that {@link checkAgent} and {@link checkProxy} share. */
export interface ConformOptions {
  /** Dialect to check alone; default both, one after the other. Not over gRPC. */
  readonly dialect?: 'documented' | 'zentinel' | undefined;
  /** Timeout of every single wait, in milliseconds, 50 to 600 000; default 2 000. Raise it for a slow peer. */
  readonly timeoutMs?: number | undefined;
  /** Keys and certificates for `tls:` and `grpcs:`. */
  readonly tls?: ConformTls | undefined;
  /** Ids of the checks to run, see {@link listChecks}; default all. */
  readonly only?: readonly string[] | undefined;
  /** Time for timeouts; default the clock of this machine. */
  readonly clock?: Clock | undefined;
  /** Called with each result as soon as it is known. */
  readonly onResult?: ((result: CheckResult) => void) | undefined;
}

/** Rows of the option tables of both functions. */
export const SHARED_TABLE: OptionTable<ConformOptions> = {
  dialect: OPTION.oneOf('documented', 'zentinel'),
  timeoutMs: OPTION.integer(50, 600_000),
  tls: OPTION.nested<ConformTls>({ cert: OPTION.pem, key: OPTION.pem, ca: OPTION.pem, servername: OPTION.text }),
  only: OPTION.listOf(OPTION.text),
  clock: OPTION.clock,
  onResult: OPTION.function,
};

/** Settings of one run, from the shared options. */
export interface RunSettings {
  readonly endpoint: Endpoint;
  readonly forms: readonly ProtocolForm[];
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly only: ReadonlySet<string> | undefined;
  readonly access: Access;
}

function formsOf({ scheme }: Endpoint, dialect: ConformOptions['dialect']): readonly ProtocolForm[] {
  if (scheme === 'grpc' || scheme === 'grpcs' || scheme === 'grpc+unix') {
    if (dialect === undefined) return ['grpc'];
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'dialect has no effect over gRPC, which has only one form');
  }
  if (scheme === 'memory')
    throw new AgentwireError('ERR_INVALID_ADDRESS', 'nothing can be checked over memory:, it carries no bytes');
  return dialect === undefined ? ['documented', 'zentinel'] : [dialect];
}

/**
 * Checks the shared options and fills in their defaults.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT`, `ERR_INVALID_ADDRESS`
 */
export function resolveRun<T extends ConformOptions>(
  what: string,
  endpointText: string,
  options: T,
  table: OptionTable<T>,
): RunSettings {
  const { dialect, timeoutMs, tls = {}, only, clock } = checkOptions(what, options, table);
  const endpoint = parseEndpoint(endpointText);
  const known = new Set([...AGENT_CHECKS, ...PROXY_CHECKS].map(({ id }) => id));
  const unknown = only?.find((id) => !known.has(id));
  if (unknown !== undefined)
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      `only has ${JSON.stringify(unknown)}, which is the id of no check`,
    );
  const { servername: serverName, cert, key, ca } = tls;
  const pem = (value: string | Uint8Array | undefined): string | Buffer | undefined =>
    value instanceof Uint8Array ? Buffer.from(value) : value;
  return {
    endpoint,
    forms: formsOf(endpoint, dialect),
    clock: clock ?? systemClock,
    timeoutMs: timeoutMs ?? 2_000,
    only: only === undefined ? undefined : new Set(only),
    access: { serverName, tls: { cert: pem(cert), key: pem(key), ca: pem(ca) } },
  };
}
