import { AgentwireError } from '@agentwire/core';
import type { GateBackend } from './gate.ts';

/** Gate of a router: set once, so that it cannot be replaced by a more lenient one. */
export class GateSlot {
  #gate: GateBackend | undefined;

  constructor(gate: GateBackend | undefined) {
    this.#gate = gate;
  }

  /** The gate, if there is one. */
  get gate(): GateBackend | undefined {
    return this.#gate;
  }

  /** Puts a gate in; throws `ERR_INVALID_STATE` if there is one already. */
  fill(gate: GateBackend): void {
    if (this.#gate !== undefined) throw new AgentwireError('ERR_INVALID_STATE', 'the router has a gate already');
    this.#gate = gate;
  }
}
