import type { ConnectionHandler, Logger } from '@agentwire/core';
import { printable } from '@agentwire/core/internal';

/** Open connections by agent id, with the limit of each. */
export class ConnectionCounts {
  readonly #max: number;
  readonly #logger: Logger;
  readonly #counts = new Map<string, number>();

  constructor(max: number, logger: Logger) {
    this.#max = max;
    this.#logger = logger;
  }

  get byAgent(): ReadonlyMap<string, number> {
    return new Map(this.#counts);
  }

  /** Returns why an agent may not have another connection; `undefined` if it may. */
  full(id: string): string | undefined {
    const count = this.#counts.get(id) ?? 0;
    if (count < this.#max) return undefined;
    return `agent ${JSON.stringify(id)} has ${count} connections, the limit is ${this.#max} (maxConnectionsPerAgent)`;
  }

  /** Counts a connection until its end. @returns its handler, which also counts it out */
  enter(id: string, handler: ConnectionHandler): ConnectionHandler {
    const count = (this.#counts.get(id) ?? 0) + 1;
    this.#counts.set(id, count);
    this.#logger.info({ agent: printable(id), connections: count, of: this.#max }, 'an agent registered');
    return {
      onMessage: (message, encoded) => handler.onMessage(message, encoded),
      ...(handler.onDrain !== undefined && { onDrain: () => handler.onDrain?.() }),
      ...(handler.onPeerEnd !== undefined && { onPeerEnd: () => handler.onPeerEnd?.() }),
      onClose: (reason) => {
        const left = (this.#counts.get(id) ?? 1) - 1;
        if (left === 0) this.#counts.delete(id);
        else this.#counts.set(id, left);
        const fields = { agent: printable(id), connections: left, code: reason.error?.code };
        this.#logger.info(fields, 'a registered agent left');
        handler.onClose(reason);
      },
    };
  }
}
