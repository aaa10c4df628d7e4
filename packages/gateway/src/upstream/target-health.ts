import type { Clock, Logger } from '@agentwire/core';
import type { EjectOptions, HealthCheckOptions } from './upstream-config.ts';

/** Collaborators of a {@link TargetHealth}. */
export interface TargetHealthDeps {
  readonly upstream: string;
  readonly target: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly eject: EjectOptions | false;
  readonly check: HealthCheckOptions | undefined;
}

/** Ejections that lengthen the next one; more count as that many. */
const MAX_EJECTIONS = 30;

/** Health of one target: of its requests, and of the checks where there are any. */
export class TargetHealth {
  readonly #deps: TargetHealthDeps;
  #failuresInRow = 0;
  #ejections = 0;
  #ejectedUntil = 0;
  /** Checks in a row with the same result: failures below 0. */
  #checksInRow = 0;
  #checkedUnhealthy = false;

  constructor(deps: TargetHealthDeps) {
    this.#deps = deps;
  }

  /** State for `/debug/state`. */
  get state(): 'healthy' | 'ejected' | 'unhealthy' {
    return this.#checkedUnhealthy ? 'unhealthy' : this.#isEjected() ? 'ejected' : 'healthy';
  }

  /** `true` where it may get requests. */
  get usable(): boolean {
    return !this.#checkedUnhealthy && !this.#isEjected();
  }

  #isEjected(): boolean {
    return this.#ejectedUntil !== 0 && this.#deps.clock.now() < this.#ejectedUntil;
  }

  succeeded(): void {
    this.#failuresInRow = 0;
    if (this.#ejectedUntil === 0 || this.#isEjected()) return;
    this.#ejectedUntil = 0;
    this.#ejections = 0;
  }

  /** Counts a failed request. @param isLast set where no other target is usable, so that this one is not ejected */
  failed(isLast: boolean): void {
    const { eject, clock, logger, upstream, target } = this.#deps;
    this.#failuresInRow += 1;
    if (eject === false || isLast || this.#failuresInRow < (eject.failures ?? 5)) return;
    this.#failuresInRow = 0;
    this.#ejections = Math.min(this.#ejections + 1, MAX_EJECTIONS);
    const ejectMs = (eject.ejectMs ?? 10_000) * this.#ejections;
    this.#ejectedUntil = clock.now() + ejectMs;
    logger.warn({ upstream, target, ejectMs }, 'a target gets no requests: its last ones failed');
  }

  /** Counts a check. @param reason status or error, for the log */
  checked(ok: boolean, reason: string): void {
    const { check, logger, upstream, target } = this.#deps;
    const before = this.#checksInRow;
    this.#checksInRow = ok ? Math.max(before, 0) + 1 : Math.min(before, 0) - 1;
    if (ok && this.#checkedUnhealthy && this.#checksInRow >= (check?.healthyAfter ?? 2)) {
      this.#checkedUnhealthy = false;
      this.#failuresInRow = 0;
      this.#ejectedUntil = 0;
      logger.info({ upstream, target }, 'a target is healthy again');
    } else if (!ok && !this.#checkedUnhealthy && -this.#checksInRow >= (check?.unhealthyAfter ?? 3)) {
      this.#checkedUnhealthy = true;
      logger.warn({ upstream, target, reason }, `a target gets no requests: its health checks failed: ${reason}`);
    }
  }
}
