import type { Logger } from '@agentwire/core';
import type { CommandContext } from '../command-context.ts';
import type { Workers } from './workers.ts';

/**
 * End of a command whose workers share sockets of a service manager and have all crashed: node:cluster closes a descriptor with its last
 * worker, and only the service manager has it then, which starts the command again.
 */
export class LostSockets {
  readonly #passed: number;
  readonly #logger: Logger;
  readonly #context: CommandContext;
  readonly #lost = Promise.withResolvers<void>();

  constructor(passed: number, logger: Logger, context: CommandContext) {
    this.#passed = passed;
    this.#logger = logger;
    this.#context = context;
  }

  /** Resolves when they are lost. */
  get promise(): Promise<void> {
    return this.#lost.promise;
  }

  /** Tests after the end of a worker if it was the last one. */
  check(workers: Workers): void {
    if (this.#passed === 0 || workers.isDraining || workers.all.some(({ state }) => state !== 'ended')) return;
    this.#logger.error(
      {},
      'all workers have ended, and the sockets of the service manager with them: it has to start this again',
    );
    this.#context.status = 1;
    this.#lost.resolve();
  }
}
