import type { AgentwireError, Decision, HealthStatus } from '@agentwire/core';
import type { Exchange, ProxySessionOptions } from '@agentwire/core/session';
import type { PooledConnection } from './pooled-connection.ts';

/** Callbacks of a pooled connection, for its agent. */
export interface PooledConnectionEvents {
  readonly session: ProxySessionOptions;
  onOutcome(
    connection: PooledConnection,
    exchange: Exchange,
    outcome: Decision | AgentwireError,
    durationMs: number,
    now: number,
  ): void;
  onHealth(connection: PooledConnection, report: HealthStatus): void;
  /** The agent did not renew its pause in time. */
  onPauseExpired(connection: PooledConnection): void;
  onUp(connection: PooledConnection): void;
  onDown(connection: PooledConnection, error: AgentwireError | undefined): void;
  onAttemptFailed(error: AgentwireError, failures: number, waitMs: number): void;
}
