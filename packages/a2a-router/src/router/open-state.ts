import { AgentwireError } from '@agentwire/core';

/** State of a router: open, then closed once and finally. */
export class OpenState {
  #closed = false;

  /** Throws `ERR_CLOSED` after the end. */
  readonly check = (): void => {
    if (this.#closed) throw new AgentwireError('ERR_CLOSED', 'the router is closed');
  };

  /** True after the end. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Ends it; false if it has ended before. */
  close(): boolean {
    const open = !this.#closed;
    this.#closed = true;
    return open;
  }
}
