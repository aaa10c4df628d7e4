import type { AgentwireError, FlowControl, HealthStatus, MetricsReport } from '@agentwire/core';
import type { ProxySession, ProxySessionOptions } from '@agentwire/core/session';

/** Callbacks of one session, for its pooled connection. */
export interface SessionEvents {
  readonly onOutcome: NonNullable<ProxySessionOptions['onOutcome']>;
  readonly onFlowControl: (action: FlowControl['action'], session: ProxySession) => void;
  readonly onHealth: (report: HealthStatus, session: ProxySession) => void;
  readonly onMetrics: (report: MetricsReport, session: ProxySession) => void;
  /** It takes no new requests, and ends once it has finished those that it has. */
  readonly onDraining: (session: ProxySession) => void;
  readonly onClosed: (error: AgentwireError | undefined, session: ProxySession) => void;
}

/** Options of a session, and the function that drains it. */
export interface DrainableOptions {
  readonly options: ProxySessionOptions;
  readonly drain: (session: ProxySession) => void;
}

/**
 * Returns the options of a session of a pool. A session is drained when its agent drains, shuts down, or reports that it is draining: a server
 * that drains may wait until its clients have left.
 *
 * @param shared options of all sessions; gets every notice
 */
export function sessionOptionsOf(
  shared: ProxySessionOptions,
  drainTimeoutMs: number,
  { onOutcome, onFlowControl, onHealth, onMetrics, onDraining, onClosed }: SessionEvents,
): DrainableOptions {
  const drain = (session: ProxySession): void => {
    void session.drain({ timeoutMs: drainTimeoutMs });
    onDraining(session);
  };
  const options: ProxySessionOptions = {
    ...shared,
    onOutcome,
    onNotice: (notice, session) => {
      const { type } = notice;
      if (type === 'healthStatus') onHealth(notice, session);
      if (type === 'metricsReport') onMetrics(notice, session);
      if (type === 'flowControl' && notice.id === undefined) onFlowControl(notice.action, session);
      const isDraining = type === 'healthStatus' && notice.state === 'draining' && !session.draining;
      if (type === 'drain' || type === 'shutdown' || isDraining) drain(session);
      shared.onNotice?.(notice, session);
    },
    onClose: (reason, session) => onClosed(reason.error, session),
  };
  return { options, drain };
}
