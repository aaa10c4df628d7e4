import { AgentwireError, type Decision } from '@agentwire/core';
import { isPeerFailure } from '../failure-kind.ts';
import type { ResolvedPoolOptions } from '../options.ts';
import type { AgentMetrics } from './agent-metrics.ts';
import { CircuitBreaker } from './circuit-breaker.ts';

/** Circuit breaker of one agent, whose changes of state are logged and counted. */
export class AgentBreaker {
  readonly circuit: CircuitBreaker;
  readonly #agent: string;
  readonly #options: ResolvedPoolOptions;
  readonly #metrics: AgentMetrics;

  constructor(agent: string, options: ResolvedPoolOptions, metrics: AgentMetrics) {
    this.#agent = agent;
    this.#options = options;
    this.#metrics = metrics;
    this.circuit = new CircuitBreaker(
      {
        threshold: options.circuitBreakerThreshold,
        resetTimeoutMs: options.circuitBreakerResetTimeoutMs,
        probeTimeoutMs: options.requestTimeoutMs,
        errorRatio: options.circuitBreakerErrorRatio,
        windowMs: options.circuitBreakerWindowMs,
        minRequests: options.circuitBreakerMinRequests,
      },
      options.clock,
    );
  }

  /** Asks while the circuit is not closed: as a probe, or not at all. Rejects with `ERR_CIRCUIT_OPEN`, and as `send`. */
  async ask(send: () => Promise<Decision>): Promise<Decision> {
    const admitted = this.circuit.admit();
    if (admitted === 'refuse') {
      const { circuitBreakerResetTimeoutMs: resetTimeoutMs } = this.#options;
      throw new AgentwireError(
        'ERR_CIRCUIT_OPEN',
        `the circuit breaker of ${this.#agent} is open after failures: it is asked again within ${resetTimeoutMs} ms`,
      );
    }
    const answer = send();
    if (admitted === 'pass') return answer;
    try {
      const decision = await answer;
      this.#settle(() => this.circuit.probed(admitted, false));
      return decision;
    } catch (error) {
      const failed = error instanceof AgentwireError && (isPeerFailure(error) || error.code === 'ERR_CLOSED');
      this.#settle(() => this.circuit.probed(admitted, failed ? true : undefined));
      throw error;
    }
  }

  /** Records a failure of the agent. */
  fail(now: number): void {
    if (this.circuit.isClosed) this.#settle(() => this.circuit.record(true, now));
  }

  /** Records a new connection of the agent. */
  connected(): void {
    this.#settle(() => this.circuit.connected());
  }

  /** Runs a change; logs and counts it if it led to another state. */
  #settle(change: () => void): void {
    const before = this.circuit.isClosed;
    const { logger, circuitBreakerResetTimeoutMs: resetTimeoutMs } = this.#options;
    change();
    const after = this.circuit.isClosed;
    if (before === after) return;
    this.#metrics.gauge('agent_circuit_breaker_state', after ? 0 : 1);
    const agent = this.#agent;
    if (after) logger.info({ agent }, 'the circuit breaker of an agent closed: it answers again');
    else logger.warn({ agent, resetTimeoutMs }, 'the circuit breaker of an agent opened: it is not asked');
  }
}
