import type { Logger } from '@agentwire/core';
import { createMessageId } from '@agentwire/a2a-router/internal';
import type { Msg } from '@nats-io/transport-node';

const INSTANCE = /^[0-9a-f]{32}$/;
const MAX_KNOWN = 1000;

/** Notices other processes that run under this node's name, and lets them notice this one. */
export class NameConflicts {
  readonly #nodeId: string;
  readonly #logger: Logger;
  readonly #publish: (instance: string) => void;
  /** Random, and another one for each process. */
  readonly instance: string = createMessageId();
  /** Called for each other process that is seen. */
  onSeen: () => void = () => undefined;
  readonly #known = new Set<string>();
  #seen = 0;

  constructor(nodeId: string, logger: Logger, publish: (instance: string) => void) {
    this.#nodeId = nodeId;
    this.#logger = logger;
    this.#publish = publish;
  }

  /** Others seen so far. */
  get seen(): number {
    return this.#seen;
  }

  /** Greets other processes of the same name; once at the start and after each new connection. */
  greet(): void {
    this.#publish(this.instance);
  }

  /** Takes a greeting; only what comes under this node's own name counts. */
  take(source: string, msg: Msg): void {
    const instance = msg.string();
    if (source !== this.#nodeId || !INSTANCE.test(instance) || instance === this.instance) return;
    if (this.#known.has(instance)) return;
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.add(instance);
    this.#seen += 1;
    this.#logger.error(
      { node: this.#nodeId },
      'another process runs under the name of this node: each gets a part of what is for both',
    );
    this.greet();
    this.onSeen();
  }
}
