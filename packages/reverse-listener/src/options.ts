import { AgentwireError, type Clock, type Credential, type Logger, type Transport } from '@agentwire/core';
import { checkOptions, checkObject, isToken, OPTION, type OptionTable } from '@agentwire/core/internal';

/** Settings of a {@link ReverseConnectionListener}. */
export interface ReverseConnectionConfig {
  /** Transports that agents may dial with; the address chooses one by its scheme. */
  readonly transports: readonly Transport[];
  /**
   * Tokens by agent id, or by pattern of ids with `*`: `{ 'waf-1': 'secret', 'scanner-*': ['old', 'new'] }`. Each is valid for the ids it
   * stands at and no other; a list is for rotation. Default: none.
   */
  readonly tokens?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /**
   * Checks a token that is not in `tokens`, for example a JWT. Called for every such registration, so that the duration tells nothing about
   * ids. `false`, a throw and a rejection refuse. `signal` is aborted when the agent leaves or its handshake times out. Default: none.
   */
  readonly verifyToken?:
    ((agentId: string, token: string, details: VerifyDetails) => boolean | Promise<boolean>) | undefined;
  /** Ids that may register, with `*` for any characters. Default: every id. */
  readonly allowedAgents?: readonly string[] | undefined;
  /**
   * Requires a token, or a certificate's name where `certificateIds` is set. Default: `true` on every transport but Unix sockets, whose file
   * permissions may do; it cannot be `false` there.
   */
  readonly requireAuth?: boolean | undefined;
  /**
   * Requires a TLS client certificate whose common name or DNS name is the agent's id. Needs a transport that verifies client certificates.
   * Default: `false`.
   */
  readonly certificateIds?: boolean | undefined;
  /** Open connections per agent id. 1 to 1 024, default 4. */
  readonly maxConnectionsPerAgent?: number | undefined;
  /** Open connections of all agents. Default 1 024. */
  readonly maxConnections?: number | undefined;
  /** Connections that wait for {@link ReverseConnectionListener.accept}; past it agents are refused. 1 to 1 024, default 64. */
  readonly backlog?: number | undefined;
  /** Timeout of one handshake, in milliseconds. Default 10 000. */
  readonly handshakeTimeoutMs?: number | undefined;
  /** Handshakes in flight; past it the oldest is evicted. Default 64. */
  readonly maxPendingHandshakes?: number | undefined;
  /**
   * Time from a registration to its refusal, in milliseconds; doubled with each further refusal of the same address within a minute, up to
   * half of `handshakeTimeoutMs`. A valid registration never waits. 0 to 10 000, default 100.
   */
  readonly refusalDelayMs?: number | undefined;
  /** Name and version that agents see. Default: `agentwire`, `0`. */
  readonly proxy?: { readonly name: string; readonly version: string } | undefined;
  /** Logs registrations, losses and refusals. Default: silent. */
  readonly logger?: Logger | undefined;
  /** Source of time. Default: the system's clock. */
  readonly clock?: Clock | undefined;
}

/** Details of a registration for `verifyToken`. */
export interface VerifyDetails extends Omit<Credential, 'token'> {
  readonly signal: AbortSignal;
}

const tokens = (name: string, value: unknown): void => {
  checkObject(name, value as object);
  for (const [id, given] of Object.entries(value as object))
    for (const token of [given].flat())
      if (id === '' || typeof token !== 'string' || !isToken(token))
        throw new AgentwireError(
          'ERR_INVALID_ARGUMENT',
          `${name} must have ids with tokens of 1 to 16 384 visible ASCII characters; that of ${JSON.stringify(id.slice(0, 256))} is not`,
        );
};

const TABLE: OptionTable<ReverseConnectionConfig> = {
  transports: OPTION.listOf(OPTION.methods('connect', 'listen')),
  tokens,
  verifyToken: OPTION.function,
  allowedAgents: OPTION.listOf(OPTION.text),
  requireAuth: OPTION.boolean,
  certificateIds: OPTION.boolean,
  maxConnectionsPerAgent: OPTION.integer(1, 1_024),
  maxConnections: OPTION.integer(1, 1_000_000),
  backlog: OPTION.integer(1, 1_024),
  handshakeTimeoutMs: OPTION.integer(1, 3_600_000),
  maxPendingHandshakes: OPTION.integer(1, 100_000),
  refusalDelayMs: OPTION.integer(0, 10_000),
  proxy: OPTION.nested<NonNullable<ReverseConnectionConfig['proxy']>>({ name: OPTION.text, version: OPTION.text }),
  logger: OPTION.logger,
  clock: OPTION.clock,
};

/**
 * Checks a config for an address of `scheme`.
 *
 * @throws AgentwireError `ERR_INVALID_ARGUMENT` naming what is wrong, and when nothing would prove who registers
 */
export function checkConfig(config: ReverseConnectionConfig, scheme: string): void {
  checkOptions('ReverseConnectionListener', config, TABLE);
  const proves = config.tokens !== undefined || config.verifyToken !== undefined || config.certificateIds === true;
  if (config.requireAuth === true && !proves)
    throw new AgentwireError('ERR_INVALID_ARGUMENT', 'requireAuth needs tokens, verifyToken or certificateIds');
  if (LOCAL.has(scheme)) return;
  if (config.requireAuth === false)
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      `requireAuth cannot be false on ${scheme}: any process could register`,
    );
  if (!proves)
    throw new AgentwireError(
      'ERR_INVALID_ARGUMENT',
      `a listener on ${scheme} needs tokens or verifyToken, or over TLS certificateIds: any process could register`,
    );
}

/** Schemes whose peers the operating system limits. */
const LOCAL: ReadonlySet<string> = new Set(['unix', 'memory']);

/** Returns the transport over which agents may dial `scheme`. @throws AgentwireError `ERR_INVALID_ADDRESS` */
export function chooseTransport(transports: readonly Transport[], scheme: string): Transport {
  const dialled = transports.filter(({ dials }) => dials.includes('agent'));
  const transport = dialled.find(({ schemes }) => schemes.includes(scheme));
  if (transport !== undefined) return transport;
  const known = dialled.flatMap(({ schemes }) => schemes).join(', ');
  throw new AgentwireError(
    'ERR_INVALID_ADDRESS',
    `agents cannot register over ${scheme}: the transports that were given serve ${known || 'no reverse connections'}`,
  );
}
