import type { HealthStatus, Logger } from '@agentwire/core';
import { countAllRepeats } from '@agentwire/core/internal';
import { boundedText } from '../agents-words.ts';
import type { ResolvedPoolOptions } from '../options.ts';
import type { PooledConnection } from './pooled-connection.ts';

/**
 * Fitness of an agent's connections beyond their states: those that are ejected after failures in a row, or reported unhealthy by
 * the agent, get no new requests while another one can take them.
 */
export class ConnectionFitness {
  /** Number of connections that are avoided. */
  avoided = 0;
  /** Set once a report has asked for longer timeouts. */
  slow = false;
  readonly #agent: string;
  readonly #options: ResolvedPoolOptions;
  /** Logger of what the agent reports; counts repeats at every level. */
  readonly #reports: Logger;
  readonly #pooled: readonly PooledConnection[];

  constructor(agent: string, options: ResolvedPoolOptions, pooled: readonly PooledConnection[]) {
    this.#agent = agent;
    this.#options = options;
    this.#reports = countAllRepeats(options.logger, options.clock);
    this.#pooled = pooled;
  }

  /** Updates what is avoided: reports and ejections end by time too. */
  update(): void {
    const now = this.#options.clock.now();
    this.avoided = 0;
    for (const connection of this.#pooled) {
      const { ejection, reported } = connection;
      connection.avoided = ejection.isEjected(now) || reported.state === 'unhealthy';
      if (connection.avoided) this.avoided += 1;
    }
  }

  /** Factor for the pool's request timeout, 1 to 10: the highest that the agent asks for on one of its connections. */
  get timeoutFactor(): number {
    const factor = Math.max(1, ...this.#pooled.map(({ reported }) => reported.timeoutFactor));
    this.slow = factor !== 1;
    return factor;
  }

  /** Ejects a connection that failed too often in a row, unless it is the last one. */
  eject(connection: PooledConnection, now: number): void {
    this.update();
    const { takes } = connection;
    const hasOther = this.#pooled.some(
      (other) => other !== connection && !other.avoided && other.isOpen && (other.takes & takes) === takes,
    );
    if (!hasOther || connection.ejection.isEjected(now)) return;
    const ejectedMs = connection.ejection.eject(now);
    const { logger, metrics } = this.#options;
    metrics.count('agent_ejections_total', { agent: this.#agent });
    logger.warn(
      { agent: this.#agent, connection: connection.session?.connection.id, ejectedMs },
      'a connection of an agent is not used for a while: it failed too often in a row',
    );
    this.update();
  }

  /** Takes what an agent reports about itself on one connection. */
  report(connection: PooledConnection, report: HealthStatus): void {
    const before = connection.reported.state ?? 'healthy';
    connection.reported.update(report);
    if (connection.reported.timeoutFactor !== 1) this.slow = true;
    this.update();
    const state = connection.reported.state ?? 'healthy';
    if (state === before) return;
    const { recoverable, timeoutMultiplier } = report;
    const [message, unhealthyReason] = [boundedText(report.message), boundedText(report.unhealthyReason)];
    const fields = { agent: this.#agent, connection: connection.session?.connection.id, state, message };
    if (state === 'healthy') this.#reports.info(fields, 'an agent reports that it is healthy again');
    else
      this.#reports.warn(
        { ...fields, unhealthyReason, recoverable, timeoutMultiplier },
        'an agent reports that it is not healthy',
      );
  }
}
