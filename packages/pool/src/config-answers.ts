import { AgentwireError, type ConfigUpdateRequest, type Logger } from '@agentwire/core';
import type { ProxySession } from '@agentwire/core/session';
import { boundedText } from './agents-words.ts';
import type { ResolvedPoolOptions } from './options.ts';

/** Requests on one connection that may wait for their answers at a time. */
const MAX_WAITING = 16;

/** Answers to agents that ask for changes of the configuration. */
export class ConfigAnswers {
  readonly #options: ResolvedPoolOptions;
  readonly #logger: Logger;
  /** Numbers of requests that wait. */
  readonly #waiting = new WeakMap<ProxySession, number>();

  /** @param logger logger of lines that peers cause; counts repeats */
  constructor(options: ResolvedPoolOptions, logger: Logger) {
    this.#options = options;
    this.#logger = logger;
  }

  /** Gives a request to `onConfigRequest`, and sends what comes of it. Never rejects. */
  async answer(agent: string, { requestId, update }: ConfigUpdateRequest, session: ProxySession): Promise<void> {
    const error = await this.#refusalOf(agent, update, session);
    const timestampMs = this.#options.clock.wallNow();
    try {
      session.notify({
        type: 'configUpdateResponse',
        requestId,
        accepted: error === undefined,
        error: boundedText(error),
        timestampMs,
      });
    } catch (failure) {
      // the agent reads nothing, or its request's id leaves no room for an answer
      const { code } = failure as AgentwireError;
      this.#logger.warn({ agent, code }, 'an agent cannot get the answer to its request for a configuration');
    }
  }

  /** Asks `onConfigRequest`. @returns the reason of a refusal */
  async #refusalOf(
    agent: string,
    update: ConfigUpdateRequest['update'],
    session: ProxySession,
  ): Promise<string | undefined> {
    const waiting = this.#waiting.get(session) ?? 0;
    if (waiting >= MAX_WAITING) return `${MAX_WAITING} requests for a configuration wait`;
    this.#waiting.set(session, waiting + 1);
    try {
      await this.#options.onConfigRequest(agent, update);
      return undefined;
    } catch (refusal) {
      return refusal instanceof Error ? refusal.message : 'refused';
    } finally {
      this.#waiting.set(session, (this.#waiting.get(session) ?? 1) - 1);
    }
  }
}
