import type { HostedExchange } from './exchange-host.ts';

/** Numbers the turns of the event loop, where somebody asks; at rest it has nothing scheduled. */
export class Turn {
  number = 0;
  #scheduled = false;
  #pumps = new Set<HostedExchange>();

  /** Makes the next turn another one. @returns this one */
  note(): number {
    if (!this.#scheduled) {
      this.#scheduled = true;
      setImmediate(this.#next);
    }
    return this.number;
  }

  /** Calls `pump` in the next turn, which must have been asked for. */
  pumpNext(exchange: HostedExchange): void {
    this.#pumps.add(exchange);
  }

  readonly #next = (): void => {
    this.#scheduled = false;
    this.number += 1;
    const pumps = this.#pumps;
    this.#pumps = new Set();
    for (const exchange of pumps) exchange.pump();
  };
}
